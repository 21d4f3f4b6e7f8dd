import MailTypes
package import Primitives
import QueueFormat

/// What stands in an agent's file for results: results that no `qmgr` has confirmed, and which of
/// them one has confirmed later (spool rule R13).
///
/// A header of eight bytes, then records: length and CRC-32C of what follows, a byte for the kind,
/// and its fields as internal messages have them. The file is appended to, so that a process that
/// is killed leaves at most its last record torn; reading stops there.
package enum ResultsFileFormat {
  /// The version of the format; raised with every change of `DeliveryResult`'s fields. Format 1
  /// knows fewer outcomes and is read too.
  package static let version: UInt8 = 2
  private static let oldestVersion: UInt8 = 1

  /// What can be wrong with a file as a whole.
  package enum Failure: Error, Equatable {
    /// It is not a file of results.
    case foreign
    /// A build of another version wrote it.
    case version(UInt8)
  }

  private static let magic = Array("MTNRSLT".utf8)
  private static let leadLength = 8

  /// What every file begins with.
  package static var header: [UInt8] { magic + [version] }

  /// Appends a result.
  package static func append(_ result: DeliveryResult, to bytes: inout [UInt8]) {
    var fields = WireEncoder()
    fields.put(UInt8(1))
    result.encode(into: &fields)
    append(record: fields.take(), to: &bytes)
  }

  /// Appends that results are safe elsewhere.
  package static func append(acknowledged deliveries: [UInt64], to bytes: inout [UInt8]) {
    var fields = WireEncoder()
    fields.put(UInt8(2))
    fields.put(UInt32(deliveries.count))
    for delivery in deliveries { fields.put(delivery) }
    append(record: fields.take(), to: &bytes)
  }

  private static func append(record: [UInt8], to bytes: inout [UInt8]) {
    var lead = WireEncoder()
    lead.put(UInt32(record.count))
    lead.put(CRC32C.of(record))
    bytes += lead.take()
    bytes += record
  }

  /// The results that nobody has confirmed, in the order in which they came; the last one counts
  /// where a delivery has several. What follows damage is not read.
  package static func read(_ bytes: [UInt8]) throws(Failure) -> [DeliveryResult] {
    guard bytes.count >= header.count else { return [] }
    guard bytes.starts(with: magic) else { throw .foreign }
    guard (oldestVersion...version).contains(bytes[magic.count]) else {
      throw .version(bytes[magic.count])
    }
    var results: [UInt64: DeliveryResult] = [:]
    var order: [UInt64] = []
    bytes.withUnsafeBytes { whole in
      var at = header.count
      while let record = record(of: whole, at: at) {
        at += leadLength + record.count
        do throws(WireError) {
          var fields = WireDecoder(record)
          switch try fields.integer(UInt8.self) {
          case 1:
            let result = try DeliveryResult(from: &fields)
            if results.updateValue(result, forKey: result.id) == nil { order.append(result.id) }
          case 2:
            let deliveries = try fields.list { (input) throws(WireError) -> UInt64 in
              try input.integer()
            }
            for delivery in deliveries { results[delivery] = nil }
          default: return
          }
        } catch {
          return
        }
      }
    }
    return order.compactMap { results.removeValue(forKey: $0) }
  }

  private static func record(
    of whole: UnsafeRawBufferPointer, at start: Int
  ) -> UnsafeRawBufferPointer? {
    guard whole.count - start >= leadLength else { return nil }
    let length = Int(
      UInt32(littleEndian: whole.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
    let sum = UInt32(
      littleEndian: whole.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self))
    guard length <= whole.count - start - leadLength else { return nil }
    let from = start + leadLength
    let record = UnsafeRawBufferPointer(rebasing: whole[from..<from + length])
    return CRC32C.of(record) == sum ? record : nil
  }
}

/// The name of an agent's file for results: whose it is, its process id, and when it was made.
package struct ResultsFileName: Hashable, Sendable {
  /// The folder of these files below `queue_directory`.
  package static let folder = "results"

  /// The agent.
  package let process: ProcessName
  /// Its process id.
  package let pid: Int32
  /// When the file was made.
  package let made: WallTime

  /// Names the file of a process.
  package init(process: ProcessName, pid: Int32, made: WallTime) {
    self.process = process
    self.pid = pid
    self.made = made
  }

  /// Reads a name; `nil` when it is that of another file.
  package init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 4, let role = Role(rawValue: String(parts[0])), role.isAgent,
      let index = UInt32(parts[1]), let pid = Int32(parts[2]), let made = Int64(parts[3])
    else { return nil }
    self.init(
      process: ProcessName(role: role, index: index), pid: pid,
      made: WallTime(microseconds: made))
  }

  /// The name in the folder.
  package var text: String {
    "\(process.role.rawValue)-\(process.index)-\(pid)-\(made.microseconds)"
  }
}
