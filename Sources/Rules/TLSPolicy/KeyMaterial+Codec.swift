import TLSEngine

/// Key material as bytes, for another process of the same build.
extension KeyMaterial {
  private static let version: UInt32 = 3

  /// The bytes. Equal material has equal bytes.
  package func serialized() -> [UInt8] {
    var out: [UInt8] = []
    Self.put(Self.version, to: &out)
    Self.put(UInt32(files.count), to: &out)
    for (path, bytes) in files.sorted(by: { $0.key < $1.key }) {
      Self.put(Array(path.utf8), to: &out)
      Self.put(bytes, to: &out)
    }
    Self.put(UInt32(folders.count), to: &out)
    for (folder, paths) in folders.sorted(by: { $0.key < $1.key }) {
      Self.put(Array(folder.utf8), to: &out)
      Self.put(paths, to: &out)
    }
    Self.put(ticketSecret?.bytes ?? [], to: &out)
    Self.put(UInt32(clamping: ticketSecret?.madeAt ?? 0), to: &out)
    return out
  }

  /// Reads what `serialized` made; `nil` for anything else.
  package init?(serialized bytes: [UInt8]) {
    var input = bytes[...]
    guard Self.number(&input) == Self.version, let fileCount = Self.count(&input) else {
      return nil
    }
    for _ in 0..<fileCount {
      guard let path = Self.text(&input), let content = Self.bytes(&input) else { return nil }
      files[path] = content
    }
    guard let folderCount = Self.count(&input) else { return nil }
    for _ in 0..<folderCount {
      guard let folder = Self.text(&input), let paths = Self.texts(&input) else { return nil }
      folders[folder] = paths
    }
    guard let secret = Self.bytes(&input), let madeAt = Self.number(&input), input.isEmpty else {
      return nil
    }
    ticketSecret = TicketSecret(bytes: secret, madeAt: Int64(madeAt))
  }

  private static func put(_ number: UInt32, to out: inout [UInt8]) {
    withUnsafeBytes(of: number.littleEndian) { out.append(contentsOf: $0) }
  }

  private static func put(_ bytes: [UInt8], to out: inout [UInt8]) {
    put(UInt32(bytes.count), to: &out)
    out += bytes
  }

  private static func put(_ texts: [String], to out: inout [UInt8]) {
    put(UInt32(texts.count), to: &out)
    for text in texts { put(Array(text.utf8), to: &out) }
  }

  private static func number(_ input: inout ArraySlice<UInt8>) -> UInt32? {
    guard input.count >= 4 else { return nil }
    defer { input = input.dropFirst(4) }
    return input.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// A number of things, of which each takes at least a byte.
  private static func count(_ input: inout ArraySlice<UInt8>) -> Int? {
    guard let number = number(&input), number <= input.count else { return nil }
    return Int(number)
  }

  private static func bytes(_ input: inout ArraySlice<UInt8>) -> [UInt8]? {
    guard let count = count(&input) else { return nil }
    defer { input = input.dropFirst(count) }
    return Array(input.prefix(count))
  }

  private static func text(_ input: inout ArraySlice<UInt8>) -> String? {
    bytes(&input).flatMap { String(validating: $0, as: UTF8.self) }
  }

  private static func texts(_ input: inout ArraySlice<UInt8>) -> [String]? {
    guard let count = count(&input) else { return nil }
    var texts: [String] = []
    for _ in 0..<count {
      guard let text = text(&input) else { return nil }
      texts.append(text)
    }
    return texts
  }
}
