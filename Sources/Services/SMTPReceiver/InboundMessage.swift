import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPGrammar

/// The content of one DATA while it comes in: in memory while it is small and there is room, else
/// its body goes to a segment of its own as it comes.
@ReactorActor
final class InboundMessage {
  /// Bytes of a large body that are collected for one write.
  private static let partSize = 256 << 10
  /// The most bytes that one read adds.
  private static let readSizeMax = 64 << 10

  /// The trace field and what the client sent; once `stream` exists, what it has not taken yet.
  private(set) var content: [UInt8]
  private(set) var scanner: ContentScanner
  /// Whether the content is over the size limit; nothing of it is kept then.
  private(set) var isOversized = false
  /// What the spool said while the body was written.
  private(set) var fault: SpoolError?
  /// The header of a message whose body has gone ahead.
  private(set) var header: [UInt8]?

  /// Its place in the list of `BodyMemory`, which alone uses it.
  var memoryIndex = -1
  private(set) var accountedBytes = 0
  private(set) var spilledBytes = 0

  private let intake: Intake
  private let traceSize: Int
  private var headerSize = 0
  private var addedSize = 0
  private let sizeMax: Int
  private var stream: (any MessageStream)?
  private var isWriting = false
  private var isOver = false
  /// The session was cancelled while it waited for a write, or waited too long.
  private var isCutOff = false
  private var writeEnd: Gate?

  /// A message that begins with `trace`, the `Received:` field of this host.
  init(
    trace: consuming [UInt8], sizeMax: Int, bareNewlines: ContentScanner.BareNewlines,
    intake: Intake
  ) {
    self.intake = intake
    self.sizeMax = sizeMax
    traceSize = trace.count
    content = trace
    scanner = ContentScanner(bareNewlines: bareNewlines)
    intake.memory.enter(self)
  }

  /// Bytes that could leave the memory.
  var spillableBytes: Int { isOver || isWriting ? 0 : content.count }

  /// Whether the caller has to let `writeOut` run before it takes more.
  var needsRoom: Bool {
    content.count > (stream == nil ? intake.memory.messageMax : Self.partSize)
  }

  /// Takes bytes from the wire; returns how many of them belong to the content.
  func take(_ bytes: UnsafeRawBufferPointer) -> Int {
    let used = scanner.scan(bytes, into: &content)
    if sizeMax > 0, scanner.contentSize > sizeMax { isOversized = true }
    if isOversized || fault != nil { dropContent() }
    account()
    intake.memory.relieve()
    return used
  }

  /// Writes out what is in memory, but for the header; what fails is in `fault`.
  func writeOut() async {
    while isWriting, !isCutOff { await waitForWrite() }
    guard !isWriting, fault == nil, !isOver, !isOversized else { return }
    isWriting = true
    reactorTask { await self.write() }
    while isWriting, !isCutOff { await waitForWrite() }
  }

  private func write() async {
    let leaving = content.count
    intake.memory.changeLeaving(by: leaving)
    do throws(SpoolError) {
      try await writePart()
    } catch {
      fault = error
    }
    isWriting = false
    intake.memory.changeLeaving(by: -leaving)
    writeEnd?.pulse()
    account()
    if isOver || fault != nil || isOversized { await endStream() }
  }

  private func writePart() async throws(SpoolError) {
    if stream == nil {
      stream = try await intake.spool.beginStream()
      _ = finishHeader()
      header = Array(content[..<headerSize])
      content.removeSubrange(..<headerSize)
    }
    guard let stream, !content.isEmpty, !isOver else { return }
    let part = content
    content = []
    content.reserveCapacity(Self.partSize + Self.readSizeMax)
    spilledBytes += part.count
    intake.memory.countSpilled(part.count)
    try await stream.append(part)
  }

  /// Brings the message to the disk and out of memory. Throws why it could not.
  func commit(id: QueueID, envelope: Envelope) async throws(SpoolError) {
    while isWriting, !isCutOff { await waitForWrite() }
    isOver = true
    defer { intake.memory.leave(self) }
    if let fault { throw fault }
    let record = record(id, envelope)
    if stream == nil {
      try await intake.spool.commit(record)
      intake.contents.give(record.content)
    } else {
      try await finishStream(record)
    }
  }

  @inline(never)
  private func record(_ id: QueueID, _ envelope: Envelope) -> PendingRecord {
    let isStreamed = stream != nil
    let record = PendingRecord(
      id: id, content: isStreamed ? header ?? [] : content, headerLength: headerSize,
      envelope: envelope, flags: flags,
      contentSize: UInt64(traceSize + addedSize + scanner.contentSize))
    if !isStreamed { content = [] }
    return record
  }

  private func finishStream(_ record: PendingRecord) async throws(SpoolError) {
    guard let stream else { return }
    do throws(SpoolError) {
      if !content.isEmpty { try await stream.append(content) }
      try await stream.finish(record)
    } catch {
      await endStream()
      throw error
    }
  }

  /// Looks at the header, and puts the empty line behind it when the client did not.
  func finishHeader() -> HeaderScan {
    if let header { return header.withUnsafeBytes { HeaderScan($0) } }
    let scan = content.withUnsafeBytes { HeaderScan($0) }
    headerSize = scan.headerEnd + 2
    if !scan.endsWithEmptyLine {
      content.insert(contentsOf: [ASCII.cr, ASCII.lf], at: scan.headerEnd)
      addedSize = 2
    }
    return scan
  }

  /// The value of the header's first `Message-ID:`; empty for none.
  func messageID(_ scan: HeaderScan) -> ArraySlice<UInt8> {
    scan.messageID.map { (header ?? content)[$0] } ?? []
  }

  /// Drops the message.
  func abandon() {
    guard !isOver else { return }
    isOver = true
    intake.memory.leave(self)
    if content.capacity > 0, stream == nil, !isWriting { intake.contents.give(content) }
    content = []
    if !isWriting, stream != nil { reactorTask { await self.endStream() } }
  }

  private func endStream() async {
    guard let stream else { return }
    self.stream = nil
    await stream.abort()
  }

  private func dropContent() {
    content.removeAll(keepingCapacity: content.capacity <= 64 << 10)
    guard !isWriting, stream != nil else { return }
    reactorTask { await self.endStream() }
  }

  private func account() {
    guard memoryIndex >= 0 else { return }
    intake.memory.change(by: content.count - accountedBytes)
    accountedBytes = content.count
  }

  /// Waits for the end of the write under way. The caller looks again: another may have begun.
  ///
  /// A disk that does not answer in time costs the message, which is no mail before its last
  /// write; what comes of it from then on is not kept.
  private func waitForWrite() async {
    let gate = writeEnd ?? Gate()
    writeEnd = gate
    do throws(WaitError) {
      try await gate.wait(deadline: Reactor.shared.now + intake.writeTimeout) { isWriting }
    } catch {
      isCutOff = true
      if fault == nil { fault = .ended }
    }
  }

  private var flags: RecordFlags {
    var flags: RecordFlags = []
    let traits = scanner.traits
    if traits.contains(.eightBitHeader) { flags.insert(.header8Bit) }
    if traits.contains(.eightBitBody) { flags.insert(.body8Bit) }
    if traits.contains(.nul) { flags.insert(.hasNUL) }
    if scanner.longestLine > 998 { flags.insert(.longLine) }
    if scanner.stuffedLines > 0 { flags.formUnion([.hasStuffedLines, .scanForDots]) }
    return flags
  }
}
