/// Commands and files that aliases of local users name.
extension Registry {
  static let aliasDestinations: [any ParameterKey] = [
    ListParameter.allowMailToCommands,
    ListParameter.allowMailToFiles,
    TextParameter.defaultPrivs,
    TextParameter.localCommandShell,
    TextParameter.commandExecutionDirectory,
    TextParameter.executionDirectoryExpansionFilter,
    FlagParameter.expandOwnerAlias,
  ]
}

extension ListParameter {
  /// `allow_mail_to_commands`
  package static let allowMailToCommands = Self(
    "allow_mail_to_commands", default: "alias, forward",
    "Where |command may stand: in alias_maps (alias), in the files that these include (include).")
  /// `allow_mail_to_files`
  package static let allowMailToFiles = Self(
    "allow_mail_to_files", default: "alias, forward",
    "Where /file/name may stand: in alias_maps (alias), in the files that these include (include).")
}

extension TextParameter {
  /// `default_privs`
  package static let defaultPrivs = Self(
    "default_privs", default: "nobody", mayBeEmpty: false,
    "Whose rights commands and files have that an alias of the superuser's names.")
  /// `local_command_shell`
  package static let localCommandShell = Self(
    "local_command_shell", default: "",
    "The program, with its arguments, that gets each command of local delivery; empty for none.")
  /// `command_execution_directory`
  package static let commandExecutionDirectory = Self(
    "command_execution_directory", default: "", isRaw: true,
    "Where commands of local delivery run, with $home and its kin; empty for queue_directory.")
  /// `execution_directory_expansion_filter`
  package static let executionDirectoryExpansionFilter = Self(
    "execution_directory_expansion_filter",
    default: "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    isRaw: true,
    "What the values in command_execution_directory may have; other bytes become _.")
}

extension FlagParameter {
  /// `expand_owner_alias`
  package static let expandOwnerAlias = Self(
    "expand_owner_alias", default: "no",
    "Whether mail of a list comes from whom its owner- alias stands for, and not from that alias.")
}
