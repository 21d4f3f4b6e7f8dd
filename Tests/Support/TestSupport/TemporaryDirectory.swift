package import Foundation

/// A folder of a test, removed with everything in it when the last reference goes.
package final class TemporaryDirectory: Sendable {
  /// Where it is.
  package let url: URL

  /// The path as text.
  package var path: String { url.path }

  /// Makes a new folder, by default below the system's folder for temporary files; every user may
  /// enter it.
  package init(prefix: String = "martinet-test", below parent: URL? = nil) throws {
    let parent = parent ?? FileManager.default.temporaryDirectory
    url = parent.appending(path: "\(prefix)-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// The path of a name in the folder.
  package func path(_ name: String) -> String { url.appending(path: name).path }

  /// Makes a folder in it and returns its path.
  @discardableResult
  package func makeDirectory(_ name: String) throws -> String {
    let folder = url.appending(path: name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder.path
  }

  /// Writes a file in it and returns its path.
  @discardableResult
  package func write(_ text: String, to name: String) throws -> String {
    let file = url.appending(path: name)
    try Data(text.utf8).write(to: file)
    return file.path
  }

  /// Writes a file in it, whatever the bytes.
  package func write(_ bytes: [UInt8], to name: String) throws {
    try Data(bytes).write(to: url.appending(path: name))
  }

  /// The contents of a file in it.
  package func read(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: url.appending(path: name)))
  }

  /// The names in it, or in a folder of it, in order.
  package func names(in folder: String = "") throws -> [String] {
    let path = folder.isEmpty ? url : url.appending(path: folder)
    return try FileManager.default.contentsOfDirectory(atPath: path.path).sorted()
  }
}
