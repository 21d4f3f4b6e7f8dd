/// The kinds of trouble of which the postmaster hears (`notify_classes`).
package struct NoticeClasses: OptionSet, Hashable, Sendable {
  /// The bits.
  package let rawValue: UInt8
  /// Wraps the bits.
  package init(rawValue: UInt8) { self.rawValue = rawValue }
  /// Mail that was returned, and that clients were refused.
  package static let bounce = NoticeClasses(rawValue: 1)
  /// Reports that could not be delivered.
  package static let doubleBounce = NoticeClasses(rawValue: 2)
  /// Tables that did not answer.
  package static let data = NoticeClasses(rawValue: 4)
  /// Mail that is delayed.
  package static let delay = NoticeClasses(rawValue: 8)
  /// What clients were refused by the restrictions.
  package static let policy = NoticeClasses(rawValue: 16)
  /// Violations of the protocol.
  package static let `protocol` = NoticeClasses(rawValue: 32)
  /// Mail that was not taken for want of room and the like.
  package static let resource = NoticeClasses(rawValue: 64)
  /// Mail that was not taken for a fault of this software.
  package static let software = NoticeClasses(rawValue: 128)

  static let named: [String: NoticeClasses] = [
    "bounce": .bounce, "2bounce": .doubleBounce, "data": .data, "delay": .delay,
    "policy": .policy, "protocol": .protocol, "resource": .resource, "software": .software,
  ]
}

extension Configuration {
  /// `notify_classes`.
  package var noticeClasses: NoticeClasses {
    NoticeClasses(self[.notifyClasses].compactMap { NoticeClasses.named[$0] })
  }

  /// An error for each word of `notify_classes` that names nothing.
  func noticeDiagnostics() -> [Diagnostic] {
    let name = ListParameter.notifyClasses.declaration.name
    let known = NoticeClasses.named.keys.sorted().joined(separator: ", ")
    return self[.notifyClasses].filter { NoticeClasses.named[$0] == nil }.map {
      Diagnostic(
        .error, at: location(of: name), subject: name,
        "\"\($0)\" is no class; the classes are \(known)")
    }
  }
}
