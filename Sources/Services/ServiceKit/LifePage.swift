package import LinuxSystem
package import Primitives
import Reactor

/// What a process shows to `master` while it lives and leaves to it when it dies: that its loop
/// turns, and whose input it works at. Nothing but plain stores; no system call.
///
/// Each process has a page of its own, so that none can speak for another.
package struct LifePage: Sendable {
  // The words behind those that the loop writes.
  private static let familyWord = ReactorPage.workWord
  private static let highWord = ReactorPage.firstFreeWord
  private static let lowWord = ReactorPage.firstFreeWord + 1

  /// The page itself, for the loop.
  package let page: SharedPage

  /// Gives a shared page its meaning.
  package init(_ page: SharedPage) { self.page = page }

  /// The turns of the loop.
  package var turns: UInt64 { page.load(ReactorPage.turnWord) }

  /// Says whose input is being worked at. The loop takes it back when it waits.
  package func serve(_ client: IPAddress) {
    page.store(0, at: Self.familyWord)
    page.store(client.high, at: Self.highWord)
    page.store(client.low, at: Self.lowWord)
    page.store(client.family == .v4 ? 4 : 6, at: Self.familyWord)
  }

  /// Says that nobody's input is being worked at.
  package func rest() { page.store(0, at: Self.familyWord) }

  /// Whose input the process works at, or worked at when it died.
  package var served: IPAddress? {
    let high = page.load(Self.highWord)
    switch page.load(Self.familyWord) {
    case 4: return IPAddress(v4: UInt32(truncatingIfNeeded: high >> 32))
    case 6: return IPAddress(v6High: high, v6Low: page.load(Self.lowWord))
    default: return nil
    }
  }
}
