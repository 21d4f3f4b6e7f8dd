package import LinuxSystem
import Primitives
package import SystemPackage

/// The clients' table as `master` keeps it: it outlives every `smtpd`, and each process that is to
/// count in it gets a row.
package final class ClientTableRows {
  /// The most processes that count at a time.
  package static var count: Int { ClientTableLayout.rowCount }

  /// What processes map.
  package let descriptor: SharedDescriptor
  private let words: SharedWords
  private let layout: ClientTableLayout
  private var isTaken = [Bool](repeating: false, count: ClientTableLayout.rowCount)

  /// Makes a table for `clients` clients at a time (`smtpd_client_table_size`).
  package init(clients: Int) throws(Errno) {
    var random = SystemRandomNumberGenerator()
    layout = ClientTableLayout(clients: clients, secret: (random.next(), random.next()))
    (words, descriptor) = try SharedWords.make("clients", count: layout.wordCount)
    layout.write(to: words)
  }

  /// Rows that no process has.
  package var freeCount: Int { isTaken.count { !$0 } }

  /// A row for a process; `nil` when too many processes live.
  package func take() -> Int? {
    guard let row = isTaken.firstIndex(of: false) else { return nil }
    isTaken[row] = true
    words[ClientTableLayout.rowsWord] = UInt64((isTaken.lastIndex(of: true) ?? 0) + 1)
    return row
  }

  /// Forgets what a process that has ended had counted: its sessions are over.
  package func free(_ row: Int) throws(Errno) {
    try words.erase(layout.rowRange(row), in: descriptor.raw)
    isTaken[row] = false
    words[ClientTableLayout.rowsWord] = UInt64((isTaken.lastIndex(of: true) ?? -1) + 1)
  }
}
