package import ArgumentParser
import Configuration
import Glibc
import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueStore
import ServiceKit
import SystemPackage

/// `martinet spool`: reads a spool with nothing running, also a copied one.
package struct SpoolCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "spool",
    abstract: "Read the spool's files: nothing need run, and only upgrade changes anything.",
    subcommands: [
      SpoolCheckCommand.self, SpoolListCommand.self, SpoolCatCommand.self,
      SpoolExportCommand.self, SpoolUpgradeCommand.self,
    ])

  @ParentCommand var parent: MartinetCommand

  /// A spool that is not the configured one.
  @Option(name: .customLong("spool"), help: "The spool's folder instead of queue_directory.")
  package var folder: String?

  package init() {}

  /// The spool that the options name.
  func path() throws -> String {
    if let folder { return folder }
    return try loadChecked(parent.configDirectory).configuration[.queueDirectory]
  }

  /// Opens the spool that the options name.
  func open() throws -> SpoolInspection<LinuxDisk> {
    let path = try path()
    let opened = Self.inspection(of: path)
    switch opened {
    case .success(let inspection): return inspection
    case .failure(let error):
      Output.error("martinet: cannot read the spool \(path): \(error)")
      throw ExitCode(EX_NOINPUT)
    }
  }
}

extension SpoolCommand {
  private static func inspection(
    of path: String
  ) -> Result<SpoolInspection<LinuxDisk>, SpoolError> {
    Result { () throws(SpoolError) in try SpoolInspection(try LinuxDisk(path: path)) }
  }
}

/// `martinet spool check`.
package struct SpoolCheckCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Prove every record and journal entry; 1 if any is damaged.")

  @ParentCommand var parent: SpoolCommand

  package init() {}

  package func run() throws {
    let spool = try parent.open()
    var problems = 0
    for name in spool.segments {
      let report = try spool.check(name)
      var line = "\(name.segmentFile): \(report.records) messages, \(report.open) not done"
      if report.sealedEnd != nil { line += ", sealed" }
      if report.unfinishedLength > 0 {
        line += ", \(report.unfinishedLength) bytes of an unfinished batch"
      }
      Output.line(line)
      for problem in report.problems {
        problems += 1
        Output.line("  \(text(of: problem))")
      }
    }
    for file in spool.leftovers { Output.line("\(file): left over, means nothing") }
    Output.line("\(spool.segments.count) segments, \(problems) problems")
    if problems > 0 { throw ExitCode(1) }
  }
}

/// `martinet spool ls`.
package struct SpoolListCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List the messages that are not done.")

  @ParentCommand var parent: SpoolCommand

  /// Whether done messages are listed too.
  @Flag(name: .customShort("a"), help: "List messages that are done, too.")
  package var all = false

  package init() {}

  package func run() throws {
    let spool = try parent.open()
    for name in spool.segments {
      for message in try spool.messages(in: name) where all || message.state != .done {
        Output.write(Self.line(message))
      }
    }
  }

  private static func line(_ message: InspectedMessage) -> [UInt8] {
    var out: [UInt8] = []
    message.lead.id.append(to: &out)
    out.append(string: " \(message.state.rawValue) \(message.lead.contentSize) ")
    guard let envelope = message.envelope else {
      out.append(text: "(its envelope cannot be read)\n")
      return out
    }
    out.append(string: QueueListText.arrivalText(envelope.arrival))
    out.append(text: " <")
    out.append(contentsOf: printable(envelope.sender))
    out.append(text: ">")
    for recipient in message.openRecipients {
      out.append(text: " <")
      out.append(contentsOf: printable(recipient.address))
      out.append(text: ">")
    }
    out.append(ASCII.lf)
    return out
  }

  /// What a peer sent must not reach the terminal as a command to it.
  private static func printable(_ address: MailAddress) -> [UInt8] {
    address.bytes.map { $0 < ASCII.space || $0 == 127 ? UInt8(ascii: "?") : $0 }
  }
}

/// `martinet spool cat ID`.
package struct SpoolCatCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "cat", abstract: "Print a message as text.")

  @ParentCommand var parent: SpoolCommand

  /// The message's queue id.
  @Argument(help: "The message's queue id.")
  package var id: String

  package init() {}

  package func run() throws {
    let spool = try parent.open()
    let message = try find(id, in: spool)
    try spool.readContent(of: message, lineEnd: .lf) { Output.write($0) }
  }
}

/// `martinet spool export DIR [ID…]`.
package struct SpoolExportCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write messages as RFC 5322 text (ID.eml) with their envelopes (ID.envelope).")

  @ParentCommand var parent: SpoolCommand

  /// Where the files go.
  @Argument(help: "The folder for the files; made if it is missing.")
  package var directory: String

  /// The messages; none for all that are not done.
  @Argument(help: "Queue ids; without any, all messages that are not done.")
  package var ids: [String] = []

  package init() {}

  package func run() throws {
    let spool = try parent.open()
    // It may hold an earlier export: no file of it is overwritten.
    if (try? Files.status(directory)) == nil {
      try Files.makeDirectory(directory, permissions: 0o700)
    }
    var count = 0
    if ids.isEmpty {
      for name in spool.segments {
        for message in try spool.messages(in: name) where message.state != .done {
          try export(message, from: spool)
          count += 1
        }
      }
    }
    for id in ids {
      try export(try find(id, in: spool), from: spool)
      count += 1
    }
    Output.line("\(count) messages written to \(directory)")
  }

  private func export(
    _ message: InspectedMessage, from spool: SpoolInspection<LinuxDisk>
  ) throws {
    let stem = directory + "/" + message.lead.id.description
    let content = ExportFile(try Files.open(stem + ".eml", [.write, .create, .exclusive]))
    try spool.readContent(of: message, lineEnd: .crlf) { (part) throws(SpoolError) in
      try content.append(part)
    }
    let envelope = SharedDescriptor(
      try Files.open(stem + ".envelope", [.write, .create, .exclusive]))
    try Files.writeAll(envelope.raw, message.envelopeText, at: 0)
  }
}

/// A file that is written from its beginning to its end.
private final class ExportFile {
  private let descriptor: OwnedDescriptor
  private var end: Int64 = 0

  init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

  func append(_ part: [UInt8]) throws(SpoolError) {
    do throws(Errno) {
      try Files.writeAll(descriptor.raw, part, at: end)
    } catch {
      throw .system(.write, code: error.rawValue)
    }
    end += Int64(part.count)
  }
}

/// The message that the user named; ends the command when there is none.
private func find(
  _ text: String, in spool: SpoolInspection<LinuxDisk>
) throws -> InspectedMessage {
  guard let id = QueueID(text: Array(text.utf8)) else {
    Output.error("martinet: not a queue id: \(text)")
    throw ExitCode(EX_USAGE)
  }
  do {
    return try spool.message(id)
  } catch SpoolError.missing {
    Output.error("martinet: no message \(text) in the spool")
    throw ExitCode(1)
  }
}

/// A problem in words.
private func text(of problem: SegmentProblem) -> String {
  switch problem {
  case .damage(let extent, let id):
    "damage in bytes \(extent.offset)..<\(extent.end)"
      + (id.map { ", message \($0)" } ?? "")
  case .foreignJournal: "its journal belongs to another segment"
  case .mismatchedEntries(let count): "\(count) journal entries do not match their records"
  case .journalTail(let count): "\(count) bytes at the journal's end cannot be read"
  case .notSealed(let error): "the table of records could not be written: \(error)"
  }
}
