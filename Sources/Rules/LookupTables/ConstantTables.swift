import Primitives

/// `static:value`: the same value for every key.
struct StaticTable: SynchronousTable {
  let name: String
  let value: [UInt8]

  /// Reads `value` or `{ value with spaces }`.
  init(_ name: String, _ text: String) throws(LookupError) {
    let value: [UInt8]
    if text.hasPrefix("{") {
      guard let inside = BracedWords.group(text.utf8) else {
        throw .malformed(table: name, reason: "a brace has no partner")
      }
      value = inside
    } else {
      value = Array(text.utf8)
    }
    guard !value.isEmpty else { throw .malformed(table: name, reason: "expected static:value") }
    self.name = name
    self.value = value
  }

  func findNow(_ key: [UInt8]) throws(LookupError) -> [UInt8]? { value }
}

/// `fail:reason`: no key has an answer; for tests of what happens then.
struct FailingTable: SynchronousTable {
  let name: String

  func findNow(_ key: [UInt8]) throws(LookupError) -> [UInt8]? {
    throw .failed(table: name, reason: "it always fails")
  }
}
