import Primitives

extension Configuration {
  /// The configuration as bytes, for another process of the same build.
  ///
  /// It holds the assigned texts with their places and the facts about the host; the reader
  /// evaluates them again.
  package func serialized() -> [UInt8] {
    var writer = RecordWriter()
    writer.append(RecordWriter.version)
    writer.append(layers.host.hostname)
    writer.append(UInt32(layers.host.interfaces.count))
    for interface in layers.host.interfaces {
      writer.append("\(interface.address)")
      writer.append(UInt32(interface.prefixLength))
    }
    let assignments = layers.assignments.values.sorted { $0.name < $1.name }
    let files = Set(assignments.map(\.location.file)).sorted()
    writer.append(UInt32(files.count))
    files.forEach { writer.append($0) }
    writer.append(UInt32(assignments.count))
    for assignment in assignments {
      writer.append(assignment.name)
      writer.append(assignment.value)
      writer.append(UInt32(files.firstIndex(of: assignment.location.file) ?? 0))
      writer.append(UInt32(clamping: assignment.location.line))
    }
    return writer.bytes
  }

  /// Reads what `serialized()` made.
  ///
  /// Throws `.damagedRecord` for anything else.
  package convenience init(serialized bytes: [UInt8]) throws(ConfigurationError) {
    var reader = RecordReader(bytes)
    guard try reader.number() == RecordWriter.version else { throw .damagedRecord }
    let hostname = try reader.text()
    var interfaces: [InterfaceAddress] = []
    for _ in 0..<(try reader.count()) {
      guard let address = IPAddress(try reader.text()) else { throw .damagedRecord }
      interfaces.append(InterfaceAddress(address, prefixLength: Int(try reader.number())))
    }
    var files: [String] = []
    for _ in 0..<(try reader.count()) { files.append(try reader.text()) }
    var assignments: [String: Assignment] = [:]
    for _ in 0..<(try reader.count()) {
      let (name, value) = (try reader.text(), try reader.text())
      let (file, line) = (Int(try reader.number()), Int(try reader.number()))
      guard files.indices.contains(file) else { throw .damagedRecord }
      assignments[name] = Assignment(
        name: name, value: value, location: SourceLocation(file: files[file], line: line))
    }
    guard reader.isAtEnd else { throw .damagedRecord }
    let host = HostFacts(hostname: hostname, interfaces: interfaces)
    self.init(checked: AssignmentLayers(assignments: assignments, host: host))
  }
}

/// Numbers and texts in little-endian order, each text behind its length.
private struct RecordWriter {
  /// The first four bytes: a mark and the version of the layout.
  static let version: UInt32 = 0x4d43_0001
  private(set) var bytes: [UInt8] = []

  mutating func append(_ number: UInt32) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ text: String) {
    append(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }
}

/// Reads what `RecordWriter` wrote; throws rather than read beyond the end.
private struct RecordReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  var isAtEnd: Bool { position == bytes.count }

  mutating func number() throws(ConfigurationError) -> UInt32 {
    guard bytes.count - position >= 4 else { throw .damagedRecord }
    defer { position += 4 }
    return (0..<4).reduce(0) { $0 | UInt32(bytes[position + $1]) << UInt32(8 * $1) }
  }

  /// A number of items; no more than there are bytes left.
  mutating func count() throws(ConfigurationError) -> Int {
    let count = Int(try number())
    guard count <= bytes.count - position else { throw .damagedRecord }
    return count
  }

  mutating func text() throws(ConfigurationError) -> String {
    let count = try count()
    guard let text = String(validating: bytes[position..<(position + count)], as: UTF8.self)
    else { throw .damagedRecord }
    position += count
    return text
  }
}
