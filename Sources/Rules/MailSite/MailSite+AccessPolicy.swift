package import AccessPolicy
import Configuration
import MailTypes

extension MailSite {
  /// Who may send mail to whom, by the restriction lists of the configuration.
  ///
  /// `pause` waits for a time, for the restriction `sleep`.
  package func accessPolicy(
    pause: @escaping AccessPolicy.Pause
  ) throws(MailSiteError) -> AccessPolicy {
    let settings = try accessSettings
    do throws(AccessError) {
      return try AccessPolicy(settings, site: RoutedSite(self), pause: pause)
    } catch {
      throw MailSiteError(description: Self.explain(error))
    }
  }

  private var accessSettings: AccessSettings {
    get throws(MailSiteError) {
      var settings = AccessSettings(resolver: resolver, opener: opener)
      settings.authenticates = configuration[.smtpdSASLAuthEnable]
      settings.asksForCertificates =
        configuration[.smtpdTLSAskCcert] || configuration[.smtpdTLSReqCcert]
      settings.restrictions = [
        .client: configuration[.smtpdClientRestrictions],
        .helo: configuration[.smtpdHeloRestrictions],
        .sender: configuration[.smtpdSenderRestrictions],
        .relay: configuration[.smtpdRelayRestrictions],
        .recipient: configuration[.smtpdRecipientRestrictions],
        .data: configuration[.smtpdDataRestrictions],
        .endOfData: configuration[.smtpdEndOfDataRestrictions],
        .etrn: configuration[.smtpdEtrnRestrictions],
      ]
      settings.classes = try restrictionClasses
      settings.relayBeforeRecipient = configuration[.smtpdRelayBeforeRecipientRestrictions]
      settings.delaysReject = configuration[.smtpdDelayReject]
      settings.rejectsUnlistedRecipient = configuration[.smtpdRejectUnlistedRecipient]
      settings.rejectsUnlistedSender = configuration[.smtpdRejectUnlistedSender]
      settings.checksUsers = try !ReceiveOverrides(configuration)
        .contains(.noUnknownRecipientChecks)
      settings.recipientDelimiter = configuration[.recipientDelimiter]
      settings.allowsUntrustedRouting = configuration[.allowUntrustedRouting]
      settings.accessMapsMatchSubdomains =
        configuration[.parentDomainMatchesSubdomains].contains("smtpd_access_maps")
      settings.nullSenderKey = configuration[.smtpdNullAccessLookupKey]
      settings.showsTableName = configuration[.showUserUnknownTableName]
      settings.loggedPermits = configuration[.smtpdLogAccessPermitActions]
      settings.codes = rejectCodes
      return settings
    }
  }

  private var rejectCodes: RejectCodes {
    func code(_ key: IntegerParameter) -> UInt16 { UInt16(configuration[key]) }
    var codes = RejectCodes()
    codes.accessMap = code(.accessMapRejectCode)
    codes.accessMapDefer = code(.accessMapDeferCode)
    codes.relayDomains = code(.relayDomainsRejectCode)
    codes.reject = code(.rejectCode)
    codes.deferral = code(.deferCode)
    codes.invalidHostname = code(.invalidHostnameRejectCode)
    codes.nonFQDN = code(.nonFqdnRejectCode)
    codes.plaintext = code(.plaintextRejectCode)
    codes.multiRecipientBounce = code(.multiRecipientBounceRejectCode)
    codes.unknownLocalRecipient = code(.unknownLocalRecipientRejectCode)
    codes.unknownRelayRecipient = code(.unknownRelayRecipientRejectCode)
    codes.unknownVirtualAlias = code(.unknownVirtualAliasRejectCode)
    codes.unknownVirtualMailbox = code(.unknownVirtualMailboxRejectCode)
    return codes
  }

  /// The lists of `smtpd_restriction_classes`, each the value of a parameter of its name.
  private var restrictionClasses: [String: [String]] {
    get throws(MailSiteError) {
      var classes: [String: [String]] = [:]
      for name in configuration[.smtpdRestrictionClasses] {
        do throws(ConfigurationError) {
          guard let text = try configuration.expandedText(name) else {
            throw .expected("a parameter \"\(name)\" that defines the restriction class")
          }
          classes[name] = try ListSyntax.items(text)
        } catch {
          throw MailSiteError(description: "smtpd_restriction_classes: \(name): \(error)")
        }
      }
      return classes
    }
  }

  private static func explain(_ error: AccessError) -> String {
    switch error {
    case .unknownRestriction(let parameter, let word):
      "\(parameter): \"\(word)\" is no restriction that is known"
    case .badArgument(let parameter, let word, let expected):
      "\(parameter): expected \(expected) after \(word)"
    case .badTable(let parameter, let reason): "\(parameter): \(reason)"
    case .opensRelay:
      "smtpd_relay_restrictions: in parameter smtpd_relay_restrictions or "
        + "smtpd_recipient_restrictions, specify at least one working instance of: "
        + "reject_unauth_destination, defer_unauth_destination, reject, defer, defer_if_permit "
        + "or check_relay_domains"
    case .badCode(let parameter, let value):
      "\(parameter): \(value) is not a code from 400 to 599"
    case .lookupFailed(let reason): reason
    }
  }
}
