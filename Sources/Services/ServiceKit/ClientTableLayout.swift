import LinuxSystem
import Primitives

/// Where everything lies in the memory of a `ClientTable`, in words.
///
/// A page of the table's own; the tag of each slot; the rates of each slot; a row for each process.
/// Parts begin on whole pages, so that a row can be given back to the kernel.
struct ClientTableLayout: Sendable {
  /// Processes that share the table, those that only end their sessions included: twice as many as
  /// may serve, since a reload has a second set of them.
  static let rowCount = 512
  /// The slots in which a client may be.
  static let window = 16
  /// Words of a slot's rates.
  private static let rateStride = 8
  private static let pageWords = SharedPage.wordCount
  /// Words at the start of a row that are no counts: the peaks that its process saw.
  private static let rowHead = pageWords

  // Words of the first page.
  private static let formatWord = 0
  private static let capacityWord = 1
  /// Rows up to this one may be in use.
  static let rowsWord = 2
  /// Clients.
  static let liveWord = 3
  /// When the peaks are due to be logged, in monotonic nanoseconds.
  static let reportWord = 4
  /// The number of the period whose peaks are kept.
  static let periodWord = 5
  private static let secretWord = 6

  private static let format: UInt64 = 0x636c_6965_6e74_0001

  /// The slots, a power of two.
  let capacity: Int
  private let secret: (UInt64, UInt64)

  /// The layout of a table for at least `clients` clients.
  init(clients: Int, secret: (UInt64, UInt64)) {
    var capacity = Self.pageWords
    while capacity < clients { capacity *= 2 }
    self.capacity = capacity
    self.secret = secret
  }

  /// Reads the layout of a table; `nil` when it is of another build or cut short.
  init?(_ words: SharedWords) {
    guard words.count >= Self.pageWords, words[Self.formatWord] == Self.format else { return nil }
    let capacity = words[Self.capacityWord]
    guard capacity.nonzeroBitCount == 1, capacity >= UInt64(Self.pageWords),
      capacity <= UInt64(words.count)
    else { return nil }
    self.init(
      clients: Int(capacity), secret: (words[Self.secretWord], words[Self.secretWord + 1]))
    guard words.count >= wordCount else { return nil }
  }

  /// Writes the layout into the memory of a new table.
  func write(to words: SharedWords) {
    words[Self.capacityWord] = UInt64(capacity)
    words[Self.periodWord] = 1
    words[Self.secretWord] = secret.0
    words[Self.secretWord + 1] = secret.1
    words[Self.formatWord] = Self.format
  }

  /// The size of the whole.
  var wordCount: Int { rowStart(Self.rowCount) }

  private var rowLength: Int { Self.rowHead + capacity }
  private func rowStart(_ row: Int) -> Int {
    Self.pageWords + capacity * (1 + Self.rateStride) + row * rowLength
  }

  /// All words of a row.
  func rowRange(_ row: Int) -> Range<Int> { rowStart(row)..<rowStart(row + 1) }

  func tagWord(_ slot: Int) -> Int { Self.pageWords + slot }

  func rateWord(_ slot: Int, _ event: ClientEvent) -> Int {
    Self.pageWords + capacity + slot * Self.rateStride + event.rawValue
  }

  func countWord(_ row: Int, _ slot: Int) -> Int { rowStart(row) + Self.rowHead + slot }

  func peakWord(_ row: Int, _ peak: ClientPeak) -> Int {
    rowStart(row) + peak.rawValue * ClientPeak.words
  }

  func slot(_ tag: UInt64, _ step: Int) -> Int {
    (Int(truncatingIfNeeded: tag) &+ step) & (capacity - 1)
  }

  /// A hash that nobody outside can predict, so that no client can choose its neighbours.
  func tag(of client: IPAddress, service: String) -> UInt64 {
    var hash = SipHash(secret.0, secret.1)
    hash.add(client.high)
    hash.add(client.low ^ (client.family == .v4 ? 1 << 63 : 0))
    for byte in service.utf8 { hash.add(UInt64(byte)) }
    // 0 is a free slot.
    return max(hash.finish(), 1)
  }
}

/// SipHash-1-3 over whole words.
private struct SipHash {
  private var v0, v1, v2, v3: UInt64

  init(_ key0: UInt64, _ key1: UInt64) {
    v0 = key0 ^ 0x736f_6d65_7073_6575
    v1 = key1 ^ 0x646f_7261_6e64_6f6d
    v2 = key0 ^ 0x6c79_6765_6e65_7261
    v3 = key1 ^ 0x7465_6462_7974_6573
  }

  mutating func add(_ word: UInt64) {
    v3 ^= word
    round()
    v0 ^= word
  }

  mutating func finish() -> UInt64 {
    v2 ^= 0xff
    for _ in 0..<3 { round() }
    return v0 ^ v1 ^ v2 ^ v3
  }

  private mutating func round() {
    v0 &+= v1
    v1 = Self.rotate(v1, 13) ^ v0
    v0 = Self.rotate(v0, 32)
    v2 &+= v3
    v3 = Self.rotate(v3, 16) ^ v2
    v0 &+= v3
    v3 = Self.rotate(v3, 21) ^ v0
    v2 &+= v1
    v1 = Self.rotate(v1, 17) ^ v2
    v2 = Self.rotate(v2, 32)
  }

  private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
    word << count | word >> (64 - count)
  }
}
