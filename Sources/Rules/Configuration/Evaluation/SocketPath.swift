extension Configuration {
  /// The place of a socket that a value names, such as `private/auth` or `unix:private/dovecot`:
  /// a path that does not begin with a slash lies below `queue_directory`, as in Postfix, whose
  /// programs run in that folder.
  ///
  /// `nil` for a value that names no socket of the file system.
  package func socketPath(_ text: String) -> String? {
    var path = Substring(text)
    if path.hasPrefix("unix:") { path = path.dropFirst("unix:".count) }
    guard !path.isEmpty, !path.hasPrefix("inet:"), !path.utf8.contains(0) else { return nil }
    return path.hasPrefix("/") ? String(path) : "\(self[.queueDirectory])/\(path)"
  }
}
