/// One service of `master.cf`.
package struct ServiceEntry: Hashable, Sendable {
  /// How others reach the service.
  package enum Kind: String, CaseIterable, Sendable {
    /// TCP.
    case inet
    /// A stream socket in the file system.
    case unix
    /// A datagram socket in the file system.
    case unixDatagram = "unix-dgram"
    /// A named pipe.
    case fifo
    /// A stream socket over which open connections are passed.
    case pass
  }

  /// The wake-up column.
  package struct WakeUp: Hashable, Sendable {
    /// The pause between two wake-ups, in seconds.
    package let seconds: Int
    /// Whether they begin only after the service was used.
    package let afterFirstUse: Bool
  }

  /// The first column.
  package let name: String
  /// The second column.
  package let kind: Kind
  /// The third column; `nil` stands for `-`.
  package let isPrivate: Bool?
  /// The fourth column; `nil` stands for `-`.
  package let isUnprivileged: Bool?
  /// The fifth column; `nil` stands for `-`.
  package let isChrooted: Bool?
  /// The sixth column; `nil` stands for `-` and 0.
  package let wakeUp: WakeUp?
  /// The seventh column; `nil` stands for `-`, 0 for no limit.
  package let processLimit: Int?
  /// The program, the first word of the eighth column.
  package let command: String
  /// The assignments of its `-o` options, in order.
  package let overrides: [Assignment]
  /// How often `-v` is given.
  package let verbosity: Int
  /// The words after the options, groups without their braces.
  package let arguments: [String]
  /// Where it was written.
  package let location: SourceLocation
}
