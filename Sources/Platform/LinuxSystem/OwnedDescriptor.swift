import CLinux
package import SystemPackage

/// The one owner of an open descriptor, which it closes when it goes.
package struct OwnedDescriptor: ~Copyable, Sendable {
  /// The number to pass to calls while this owner lives.
  package let raw: Int32

  /// Takes over an open descriptor.
  package init(adopting raw: Int32) {
    precondition(raw >= 0, "no descriptor")
    self.raw = raw
  }

  /// Takes over a number that this process was started with: it closes on exec and does not wait
  /// from now on. `nil` when nothing is open there.
  package static func inherited(_ raw: Int32) throws(Errno) -> OwnedDescriptor? {
    let result = clinux_adopt(raw)
    if result == -Errno.badFileDescriptor.rawValue { return nil }
    try checked(result)
    return OwnedDescriptor(adopting: raw)
  }

  deinit { closeRaw(raw) }

  /// Closes the descriptor now.
  package consuming func close() {}

  /// Gives up ownership: the caller must see to it that the number is closed.
  package consuming func release() -> Int32 {
    let raw = raw
    discard self
    return raw
  }

  /// A second descriptor of the same open description.
  package borrowing func duplicate() throws(Errno) -> OwnedDescriptor {
    try Self.duplicate(of: raw)
  }

  /// A second descriptor of an open description that somebody else owns.
  package static func duplicate(of raw: Int32) throws(Errno) -> OwnedDescriptor {
    OwnedDescriptor(adopting: try checked(clinux_duplicate(raw)))
  }
}

/// A descriptor in a box that can be stored and shared, as those that arrive in packets.
package final class SharedDescriptor: Sendable {
  private let descriptor: OwnedDescriptor

  /// The number to pass to calls while this object lives.
  package var raw: Int32 { descriptor.raw }

  /// Takes over a descriptor.
  package init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

  /// A second descriptor of the same open description, for an owner that wants it alone.
  package func duplicate() throws(Errno) -> OwnedDescriptor { try descriptor.duplicate() }
}

/// Closes a number. What a close reports late was never promised: durable data is flushed before.
func closeRaw(_ raw: Int32) {
  let result = clinux_close(raw)
  precondition(result != -Errno.badFileDescriptor.rawValue, "a descriptor was closed twice")
}
