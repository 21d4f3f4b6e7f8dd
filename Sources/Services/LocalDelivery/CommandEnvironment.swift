import Configuration
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
    _ user: CommandUser, request: DeliveryRequest, recipient: DeliveryRecipient,
    envelope: Envelope, settings: LocalAgent.Settings
  ) {
    var values: [(name: String, value: [UInt8])] = [
      ("HOME", Array(user.home.utf8)), ("LOGNAME", Array(user.name.utf8)),
      ("USER", Array(user.name.utf8)), ("SHELL", Array(user.shell.utf8)),
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

/// On whose behalf a command runs.
struct CommandUser {
  /// The user's name, or that of the alias.
  let name: String
  /// The home directory; empty where nobody's rights but the default ones are used.
  var home = ""
  /// The login shell; empty as `home`.
  var shell = ""
}

extension LocalAgent {
  /// The order to run a command of local delivery.
  func order(
    _ command: String, for user: CommandUser, _ request: DeliveryRequest,
    _ recipient: DeliveryRecipient, _ envelope: Envelope
  ) throws(NoDelivery) -> CommandOrder {
    CommandOrder(
      .line(command, shell: settings.commandShell),
      environment: CommandEnvironment(
        user, request: request, recipient: recipient, envelope: envelope, settings: settings
      ).variables,
      directory: try directory(for: user, recipient), timeLimit: settings.commandTimeLimit,
      program: "local", success: "delivered to command: \(command)", tellsOutput: false)
  }

  /// `command_execution_directory`, else `queue_directory`.
  private func directory(
    for user: CommandUser, _ recipient: DeliveryRecipient
  ) throws(NoDelivery) -> String {
    let template = settings.commandDirectory
    if template.isEmpty { return settings.queueDirectory }
    let local = LocalRecipient(recipient.address, delimiters: settings.recipientDelimiters)
    let localPart = LocalPart.meaning(of: recipient.address.localPart).map(ASCII.lowercased)
    let delimiter =
      local.extension == nil ? [] : Array(localPart.dropFirst(local.user.utf8.count).prefix(1))
    let values: [String: [UInt8]] = [
      "user": Array(user.name.utf8), "home": Array(user.home.utf8),
      "shell": Array(user.shell.utf8), "recipient": recipient.address.unquoted,
      "extension": Array((local.extension ?? "").utf8),
      "domain": Array(recipient.address.domain), "local": localPart,
      "recipient_delimiter": delimiter,
    ]
    do throws(ConfigurationError) {
      let path = try template.filled(
        with: values.mapValues {
          CommandLine.filtered($0, allowing: settings.directoryFilter)
        })
      return path.isEmpty ? settings.queueDirectory : path
    } catch {
      throw NoDelivery(
        verdict: .misconfigured, warning: "command_execution_directory: \(error)")
    }
  }
}
