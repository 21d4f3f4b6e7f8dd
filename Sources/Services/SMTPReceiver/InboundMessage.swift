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
  var content: [UInt8]
  private(set) var scanner: ContentScanner
  /// Whether the content is over the size limit; nothing of it is kept then.
  private(set) var isOversized = false
  /// What the spool said while the body was written.
  private(set) var fault: SpoolError?
  /// The header of a message whose body has gone ahead.
  var header: [UInt8]?
  /// What follows the header's end in the part that has gone ahead with the body, if the body
  /// began to leave before the header had ended.
  private(set) var continuation: HeaderContinuation?

  /// Its place in the list of `BodyMemory`, which alone uses it.
  var memoryIndex = -1
  private(set) var accountedBytes = 0
  /// Bytes of the header of a message whose body has gone ahead, as they are accounted for.
  private(set) var pinnedBytes = 0
  var spilledBytes = 0

  let intake: Intake
  let traceSize: Int
  var headerSize = 0
  /// Whether the first lines of the client's are kept apart from the trace field.
  private var startIsMended = false
  /// Bytes of content that were not sent by the client, without dot-stuffing and the trace field.
  var addedSize = 0
  /// What the record says of content that milters have changed; `nil` for what was scanned.
  var changedFlags: RecordFlags?
  private let sizeMax: Int
  var stream: (any MessageStream)?
  private var isWriting = false
  /// Bytes that a task which has not begun yet is going to write out.
  private var bytesToLeave = 0
  private var isOver = false
  /// The session was cancelled while it waited for a write, or waited too long.
  private var isCutOff = false
  private var writeEnd: Gate?

  /// A message that begins with `trace`, the `Received:` field of this host.
  init(
    trace: consuming [UInt8], sizeMax: Int, bareNewlines: ContentScanner.BareNewlines,
    isChunked: Bool = false, intake: Intake
  ) {
    self.intake = intake
    self.sizeMax = sizeMax
    traceSize = trace.count
    content = trace
    scanner = ContentScanner(bareNewlines: bareNewlines, isChunked: isChunked)
    intake.memory.enter(self)
  }

  /// Bytes that could leave the memory.
  var spillableBytes: Int { isOver || isWriting || bytesToLeave > 0 ? 0 : content.count }

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

  /// Ends a message that came in chunks.
  func finishChunks() {
    scanner.finishChunks(into: &content)
    account()
  }

  /// Writes out what is in memory, but for the header; what fails is in `fault`.
  func writeOut() async {
    intake.memory.changeLeaving(by: -bytesToLeave)
    bytesToLeave = 0
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

  /// Says that `writeOut` is about to be called: nobody else need ask for it.
  func beginToLeave() {
    bytesToLeave = content.count
    intake.memory.changeLeaving(by: bytesToLeave)
  }

  private func writePart() async throws(SpoolError) {
    if stream == nil {
      guard mendStart() else { return }
      stream = try await intake.spool.beginStream()
      try splitHeader()
    }
    guard let stream, !content.isEmpty, !isOver else { return }
    let part = takePart()
    spilledBytes += part.count
    intake.memory.countSpilled(part.count)
    try await stream.append(part)
  }

  /// Parts the header from the body. A header that has not ended stays behind as far as it is
  /// known; its rest goes with the body.
  ///
  /// - Throws: `.noSpace` when too many such headers are in memory.
  private func splitHeader() throws(SpoolError) {
    let scan = content.withUnsafeBytes { HeaderScan($0) }
    if scan.isUndecided, !scanner.isFinished {
      headerSize = scan.decidedEnd
      continuation = HeaderContinuation()
    } else {
      _ = finishHeader()
    }
    guard intake.memory.hasRoom(for: headerSize) else { throw .noSpace }
    header = Array(content[..<headerSize])
    content.removeSubrange(..<headerSize)
    account()
  }

  /// False when too little has come to tell what the first lines are.
  private func mendStart() -> Bool {
    // Content that is refused has been dropped, with the trace field.
    guard !startIsMended, content.count >= traceSize else { return true }
    let added = ContentStart.mend(&content, at: traceSize, isWhole: scanner.isFinished)
    guard let added else { return false }
    addedSize += added
    startIsMended = true
    return true
  }

  private func takePart() -> [UInt8] {
    var part = content
    let held = continueHeader(&part)
    content = []
    content.reserveCapacity(Self.partSize + Self.readSizeMax)
    content += part.suffix(held)
    part.removeLast(held)
    return part
  }

  private func continueHeader(_ part: inout [UInt8], isLast: Bool = false) -> Int {
    let size = part.count
    let held = continuation?.take(&part, isLast: isLast) ?? 0
    addedSize += part.count - size
    return held
  }

  /// Brings the message to the disk and out of memory. Throws why it could not.
  ///
  /// `isInternational` says that the client asked for SMTPUTF8.
  func commit(
    id: QueueID, envelope: Envelope, isInternational: Bool = false, entersOnHold: Bool = false
  ) async throws(SpoolError) {
    while isWriting, !isCutOff { await waitForWrite() }
    isOver = true
    defer { intake.memory.leave(self) }
    if let fault { throw fault }
    var record = record(id, envelope, isInternational)
    if entersOnHold { record.flags.insert(.entersOnHold) }
    if stream == nil {
      try await intake.spool.commit(record)
      intake.contents.give(record.content)
    } else {
      try await finishStream(record)
    }
  }

  @inline(never)
  private func record(
    _ id: QueueID, _ envelope: Envelope, _ isInternational: Bool
  ) -> PendingRecord {
    let isStreamed = stream != nil
    var flags = changedFlags ?? scannedFlags
    if isInternational, flags.contains(.header8Bit) || envelope.hasInternationalAddresses {
      flags.insert(.needsSMTPUTF8)
    }
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

  /// `Received:` fields of the header that did not end before the body began to leave.
  var laterHops: Int { continuation?.receivedCount ?? 0 }

  /// Looks at the header, and puts the empty line behind it when the client did not. All content
  /// has come.
  func finishHeader() -> HeaderScan {
    if let header {
      _ = continueHeader(&content, isLast: true)
      return header.withUnsafeBytes { HeaderScan($0) }
    }
    _ = mendStart()
    let scan = content.withUnsafeBytes { HeaderScan($0) }
    headerSize = scan.headerEnd + 2
    if !scan.endsWithEmptyLine {
      content.insert(contentsOf: [ASCII.cr, ASCII.lf], at: scan.headerEnd)
      addedSize += 2
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

  func account() {
    guard memoryIndex >= 0 else { return }
    intake.memory.change(by: content.count - accountedBytes)
    accountedBytes = content.count
    intake.memory.changePinned(by: (header?.count ?? 0) - pinnedBytes)
    pinnedBytes = header?.count ?? 0
  }

  /// Does something in the stretch that finds no write under way.
  func betweenWrites<Value>(
    _ action: () throws(SpoolError) -> Value
  ) async throws(SpoolError) -> Value {
    while isWriting, !isCutOff { await waitForWrite() }
    if let fault { throw fault }
    return try action()
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

  var scannedFlags: RecordFlags {
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

extension Envelope {
  /// Whether an address holds bytes outside ASCII.
  fileprivate var hasInternationalAddresses: Bool {
    ([sender] + recipients.map(\.address)).contains { address in
      address.bytes.contains { $0 >= 0x80 }
    }
  }
}
