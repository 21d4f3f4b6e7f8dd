import LinuxSystem
import SystemPackage

/// Whose rights commands have that no user of this host has asked for.
enum CommandRights {
  /// Why no command runs with an account's rights; `nil` where it may: it is neither the
  /// superuser's nor that of the owner of the queue. Asks the name services.
  static func flaw(
    of account: Account, mailOwner: String
  ) throws(NoDelivery) -> String? {
    let owner: Account?
    do throws(Errno) {
      owner = try Identity.account(named: mailOwner)
    } catch {
      throw NoDelivery(verdict: .accountsUnavailable(error))
    }
    guard account.uid != 0, account.gid != 0 else { return "no command runs as the superuser" }
    if let owner, account.uid == owner.uid || account.gid == owner.gid {
      return "no command runs as mail_owner"
    }
    return nil
  }
}
