import Configuration
import MailTypes

/// Who hears of reports besides the senders: the postmaster, as far as `notify_classes` names the
/// class; `nil` where nobody does.
struct NoticeRecipients: Sendable {
  /// Copies of what senders are told of failures (`bounce_notice_recipient`).
  var bounce: MailAddress?
  /// Reports whose own delivery failed (`2bounce_notice_recipient`).
  var doubleBounce: MailAddress?
  /// Copies of what senders are told of delays (`delay_notice_recipient`).
  var delay: MailAddress?

  /// Nobody does.
  init() {}

  /// What a configuration says.
  init(_ configuration: Configuration) {
    let classes = configuration.noticeClasses
    if classes.contains(.bounce) { bounce = MailAddress(configuration[.bounceNoticeRecipient]) }
    // Whoever wants to see all failures wants to see these.
    if !classes.isDisjoint(with: [.bounce, .doubleBounce]) {
      doubleBounce = MailAddress(configuration[.doubleBounceNoticeRecipient])
    }
    if classes.contains(.delay) { delay = MailAddress(configuration[.delayNoticeRecipient]) }
  }
}
