package import Configuration

/// What is not done with the mail of a listener (`receive_override_options`).
package struct ReceiveOverrides: OptionSet, Sendable {
  /// The bits.
  package let rawValue: UInt8
  /// Wraps the bits.
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `no_unknown_recipient_checks`: users of this site that are not known are not told apart.
  package static let noUnknownRecipientChecks = ReceiveOverrides(rawValue: 1)
  /// `no_address_mappings`: addresses are taken as they are.
  package static let noAddressMappings = ReceiveOverrides(rawValue: 2)
  /// `no_header_body_checks`: content is not looked at.
  package static let noHeaderBodyChecks = ReceiveOverrides(rawValue: 4)
  /// `no_milters`: no milter sees the mail.
  package static let noMilters = ReceiveOverrides(rawValue: 8)

  private static let named: [String: ReceiveOverrides] = [
    "no_unknown_recipient_checks": .noUnknownRecipientChecks,
    "no_address_mappings": .noAddressMappings, "no_header_body_checks": .noHeaderBodyChecks,
    "no_milters": .noMilters,
  ]

  /// What a configuration says.
  ///
  /// - Throws: which word is none of the four.
  package init(_ configuration: Configuration) throws(MailSiteError) {
    self = []
    for word in configuration[.receiveOverrideOptions] {
      guard let option = Self.named[word.lowercased()] else {
        throw MailSiteError(
          description: "receive_override_options: \"\(word)\" is none of "
            + Self.named.keys.sorted().joined(separator: ", "))
      }
      insert(option)
    }
  }
}
