package import MailTypes

/// The memory that an expansion takes while it goes on, asked for before it is taken.
package final class ExpansionMemory {
  /// What an array takes beside its bytes, and a place in a set.
  private static let overhead = 48

  /// Bytes taken and not given back.
  package private(set) var taken = 0
  private let mayTake: (_ bytes: Int) -> Bool

  /// - Parameter mayTake: whether so many bytes more may be taken; they are when it says so. Fewer
  ///   than none are given back.
  package init(_ mayTake: @escaping (_ bytes: Int) -> Bool = { _ in true }) {
    self.mayTake = mayTake
  }

  /// Takes so many bytes for the sake of an address.
  ///
  /// - Throws: `.noMemory`, and has taken nothing.
  package func take(_ bytes: Int, for address: MailAddress) throws(RewriteError) {
    guard mayTake(bytes) else { throw .noMemory(address: address) }
    taken += bytes
  }

  /// Gives back what was taken beyond so many bytes.
  package func giveBack(to bytes: Int) {
    guard taken > bytes else { return }
    _ = mayTake(bytes - taken)
    taken = bytes
  }

  /// Takes what addresses need that `address` stands for: each in a list, and remembered by its
  /// name.
  func take(
    for addresses: some Sequence<MailAddress>, of address: MailAddress
  ) throws(RewriteError) {
    let each = MemoryLayout<MailAddress>.stride + 2 * Self.overhead
    try take(addresses.reduce(0) { $0 + each + 2 * $1.bytes.count }, for: address)
  }
}
