/// Delivery to mailboxes and commands of this host.
extension Registry {
  static let delivery: [any ParameterKey] = [
    TextParameter.virtualMailboxBase,
    TextParameter.commandExpansionFilter,
    ListParameter.virtualUIDMaps,
    ListParameter.virtualGIDMaps,
    ListParameter.virtualMailboxLock,
    ListParameter.mailboxDeliveryLock,
    IntegerParameter.virtualMinimumUID,
    IntegerParameter.deliverLockAttempts,
    SizeParameter.virtualMailboxLimit,
    DurationParameter.deliverLockDelay,
    DurationParameter.staleLockTime,
    FlagParameter.strictMailboxOwnership,
  ]
}

extension TextParameter {
  /// `virtual_mailbox_base`
  package static let virtualMailboxBase = Self(
    "virtual_mailbox_base", default: "",
    "The folder below which virtual mailboxes lie.")
  /// `command_expansion_filter`
  package static let commandExpansionFilter = Self(
    "command_expansion_filter",
    default: "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    isRaw: true, "What may stand in the environment of commands; other bytes become _.")
}

extension ListParameter {
  /// `virtual_uid_maps`
  package static let virtualUIDMaps = Self(
    "virtual_uid_maps", default: "",
    "Tables with the user id of each virtual mailbox.")
  /// `virtual_gid_maps`
  package static let virtualGIDMaps = Self(
    "virtual_gid_maps", default: "",
    "Tables with the group id of each virtual mailbox.")
  /// `virtual_mailbox_lock`
  package static let virtualMailboxLock = Self(
    "virtual_mailbox_lock", default: "fcntl, dotlock", of: mailboxLocks, mayBeEmpty: true,
    "How virtual mailboxes that are files are locked.")
  /// `mailbox_delivery_lock`
  package static let mailboxDeliveryLock = Self(
    "mailbox_delivery_lock", default: "fcntl, dotlock", of: mailboxLocks, mayBeEmpty: true,
    "How mailboxes that are files are locked.")

  private static let mailboxLocks = ["fcntl", "flock", "dotlock"]
}

extension IntegerParameter {
  /// `virtual_minimum_uid`
  package static let virtualMinimumUID = Self(
    "virtual_minimum_uid", default: "100", in: 1...Int(Int32.max),
    "The lowest user id that virtual_uid_maps may give.")
  /// `deliver_lock_attempts`
  package static let deliverLockAttempts = Self(
    "deliver_lock_attempts", default: "20", in: 1...Int(Int32.max),
    "How often it is tried to lock a mailbox.")
}

extension SizeParameter {
  /// `virtual_mailbox_limit`
  package static let virtualMailboxLimit = Self(
    "virtual_mailbox_limit", default: "51200000",
    "The largest virtual mailbox file or file of a Maildir, in bytes; 0 is no limit.")
}

extension DurationParameter {
  /// `deliver_lock_delay`
  package static let deliverLockDelay = Self(
    "deliver_lock_delay", default: "1s", min: .seconds(1),
    "The pause between two attempts to lock a mailbox.")
  /// `stale_lock_time`
  package static let staleLockTime = Self(
    "stale_lock_time", default: "500s", min: .seconds(1),
    "The age at which the lock file of a mailbox counts as left behind.")
}

extension FlagParameter {
  /// `strict_mailbox_ownership`
  package static let strictMailboxOwnership = Self(
    "strict_mailbox_ownership", default: "yes",
    "Whether a mailbox file must belong to its user.")
}
