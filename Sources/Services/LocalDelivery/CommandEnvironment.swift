import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import ServiceKit

/// What a command of a user's is told in its environment, as local(8) describes it.
struct CommandEnvironment {
  /// `NAME=value`.
  let variables: [String]

  /// What every command gets.
  static func base(configurationDirectory: String) -> [String] {
    [
      "PATH=" + CommandLine.path.joined(separator: ":"), "LANG=C",
      "MAIL_CONFIG=\(configurationDirectory)",
    ]
  }

  init(
    account: Account, request: DeliveryRequest, recipient: DeliveryRecipient, envelope: Envelope,
    settings: LocalAgent.Settings
  ) {
    var values: [(name: String, value: [UInt8])] = [
      ("HOME", Array(account.home.utf8)), ("LOGNAME", Array(account.name.utf8)),
      ("USER", Array(account.name.utf8)), ("SHELL", Array(account.shell.utf8)),
      ("DOMAIN", Array(recipient.address.domain)),
      ("LOCAL", LocalPart.meaning(of: recipient.address.localPart).map(ASCII.lowercased)),
      ("RECIPIENT", recipient.address.unquoted),
      (
        "ORIGINAL_RECIPIENT",
        recipient.original.isEmpty ? recipient.address.unquoted : recipient.original
      ),
      ("CLIENT_ADDRESS", envelope.client.address), ("CLIENT_HELO", envelope.client.helo),
      ("CLIENT_HOSTNAME", envelope.client.name),
      ("CLIENT_PROTOCOL", envelope.client.protocolName),
    ]
    let local = LocalRecipient(recipient.address, delimiters: settings.recipientDelimiters)
    if let text = local.extension { values.append(("EXTENSION", Array(text.utf8))) }
    if let sasl = envelope.sasl {
      values += [
        ("SASL_METHOD", sasl.method), ("SASL_SENDER", sasl.sender), ("SASL_USERNAME", sasl.user),
      ]
    }
    values.removeAll { $0.value.isEmpty }
    values.append(("SENDER", request.sender.unquoted))
    let allowed = settings.expansionFilter
    variables =
      Self.base(configurationDirectory: settings.configurationDirectory)
      + values.map { "\($0.name)=\(CommandLine.filtered($0.value, allowing: allowed))" }
  }
}
