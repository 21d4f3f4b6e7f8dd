import CLinux
package import SystemPackage

/// An account of this system.
package struct Account: Hashable, Sendable {
  /// The login name.
  package let name: String
  /// The user id.
  package let uid: UInt32
  /// The login group.
  package let gid: UInt32
  /// The home directory.
  package let home: String
  /// The login shell.
  package let shell: String

  /// Describes an account that is known from elsewhere.
  package init(name: String, uid: UInt32, gid: UInt32, home: String, shell: String) {
    self.name = name
    self.uid = uid
    self.gid = gid
    self.home = home
    self.shell = shell
  }
}

/// Who a process is, and who there is. Look-ups ask the name services and may block: a reactor
/// leaves them to a helper thread.
package enum Identity {
  /// The account named `name`, or `nil`.
  package static func account(named name: String) throws(Errno) -> Account? {
    try look { clinux_account_by_name(name, $0, $1, $2) }
  }

  /// The account with the user id, or `nil`.
  package static func account(uid: UInt32) throws(Errno) -> Account? {
    try look { clinux_account_by_uid(uid, $0, $1, $2) }
  }

  /// The id of the group named `name`, or `nil`.
  package static func group(named name: String) throws(Errno) -> UInt32? {
    try look { clinux_group_by_name(name, $0, $1, $2) }?.gid
  }

  /// The effective user id of this process.
  package static var uid: UInt32 { clinux_own_uid() }
  /// The effective group id of this process.
  package static var gid: UInt32 { clinux_own_gid() }
  /// Whether this process may do everything.
  package static var isRoot: Bool { uid == 0 }

  /// Becomes another user for good: its groups, group id and user id, verified afterwards.
  ///
  /// Throws `EPERM` when there is a way back.
  package static func become(_ account: Account) throws(Errno) {
    try checked(clinux_become(account.name, account.uid, account.gid, -1))
  }

  /// Becomes another user for good without supplementary groups but `extraGroup`.
  package static func become(
    uid: UInt32, gid: UInt32, extraGroup: UInt32? = nil
  ) throws(Errno) {
    try checked(clinux_become(nil, uid, gid, extraGroup.map { Int64($0) } ?? -1))
  }

  private static func look(
    _ call: (UnsafeMutablePointer<clinux_account>, UnsafeMutablePointer<CChar>, CInt) -> CInt
  ) throws(Errno) -> Account? {
    var size = 1024
    while true {
      let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
      defer { buffer.deallocate() }
      var found = clinux_account()
      let result = call(&found, buffer, CInt(size))
      if result == -Errno.outOfRange.rawValue, size < 1 << 20 {
        size *= 4
        continue
      }
      guard try checked(result) == 1 else { return nil }
      return Account(
        name: String(cString: found.name), uid: found.uid, gid: found.gid,
        home: String(cString: found.home), shell: String(cString: found.shell))
    }
  }
}
