import Foundation

/// The files of the package, found from where this test was compiled.
enum PackageTree {
  /// The folder that holds `Package.swift`.
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Every Swift file below a folder of the package, in order.
  static func swiftFiles(below folder: String) throws -> [SwiftText] {
    try files(below: folder).filter { $0.hasSuffix(".swift") }.map { path in
      SwiftText(path: path, text: try text(of: path))
    }
  }

  /// Every regular file below a folder, as paths from the package root, in order.
  static func files(below folder: String) throws -> [String] {
    let names = try FileManager.default.subpathsOfDirectory(
      atPath: root.appending(path: folder).path)
    return names.map { "\(folder)/\($0)" }.filter { !isDirectory($0) }.sorted()
  }

  /// The names in a folder of the package.
  static func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path).sorted()
  }

  /// The text of one file.
  static func text(of path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// Whether there is a folder at the path.
  static func isDirectory(_ path: String) -> Bool {
    var directory: ObjCBool = false
    return FileManager.default.fileExists(
      atPath: root.appending(path: path).path, isDirectory: &directory) && directory.boolValue
  }
}
