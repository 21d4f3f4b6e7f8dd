package import AccessPolicy
import Configuration
import MailTypes

extension MailSite {
  /// Who may send mail to whom, by the restriction lists of the configuration.
  package func accessPolicy() throws(MailSiteError) -> AccessPolicy {
    do throws(AccessError) {
      return try AccessPolicy(accessSettings, site: self)
    } catch {
      throw MailSiteError(description: Self.explain(error))
    }
  }

  private var accessSettings: AccessSettings {
    var settings = AccessSettings(resolver: resolver)
    settings.relayRestrictions = configuration[.smtpdRelayRestrictions]
    settings.recipientRestrictions = configuration[.smtpdRecipientRestrictions]
    settings.relayBeforeRecipient = configuration[.smtpdRelayBeforeRecipientRestrictions]
    settings.allowsUntrustedRouting = configuration[.allowUntrustedRouting]
    settings.relayDomainsRejectCode = UInt16(configuration[.relayDomainsRejectCode])
    settings.rejectCode = UInt16(configuration[.rejectCode])
    settings.deferCode = UInt16(configuration[.deferCode])
    return settings
  }

  private static func explain(_ error: AccessError) -> String {
    switch error {
    case .unknownRestriction(let parameter, let word):
      "\(parameter): \"\(word)\" is no restriction that is known"
    case .opensRelay:
      "smtpd_relay_restrictions: it or smtpd_recipient_restrictions must hold one of reject, "
        + "defer, reject_unauth_destination, defer_unauth_destination: else anybody could relay"
    case .badCode(let parameter, let value):
      "\(parameter): \(value) is not a code from 400 to 599"
    case .lookupFailed: "a table does not answer"
    }
  }
}
