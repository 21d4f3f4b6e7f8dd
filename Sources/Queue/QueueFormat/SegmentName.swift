package import MailTypes
import Primitives

/// What a segment is called: who wrote it, its number among all segments, and its nonce.
///
/// The file names of the segment and of its journal carry all three, so that a lost header block
/// costs no record and files sort by age.
package struct SegmentName: Hashable, Sendable {
  /// The number of the segment, never given twice in the life of a spool.
  package let sequence: UInt64
  /// 128 random bits that mark everything in the segment.
  package let nonce: Nonce
  /// The process that wrote it, such as `smtpd1`: 1 to 32 letters, digits or hyphens.
  package let writer: String

  /// The longest name of a writer in bytes.
  package static let writerLengthMax = 32
  private static let segmentSuffix = ".segment"
  private static let journalSuffix = ".journal"
  private static let draftSuffix = ".journal-new"
  private static let endMark = ".end-"

  /// Names a segment; `nil` when the writer's name is none.
  package init?(sequence: UInt64, nonce: Nonce, writer: String) {
    guard Self.isWriterName(writer) else { return nil }
    self.sequence = sequence
    self.nonce = nonce
    self.writer = writer
  }

  /// Whether text can name a writer process.
  package static func isWriterName(_ text: String) -> Bool {
    (1...writerLengthMax).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-")
      }
  }

  /// The common part of both file names.
  private var stem: String {
    var text: [UInt8] = []
    text.append(hex: sequence, width: 16)
    text.append(UInt8(ascii: "."))
    text.append(string: nonce.hex)
    text.append(UInt8(ascii: "."))
    text.append(string: writer)
    return String(decoding: text, as: UTF8.self)
  }

  /// The file that holds the records.
  package var segmentFile: String { stem + Self.segmentSuffix }
  /// The file that holds what became of them.
  package var journalFile: String { stem + Self.journalSuffix }
  /// A journal that is being rewritten and counts only once it is renamed (R30).
  package var journalDraftFile: String { stem + Self.draftSuffix }

  /// A file without content that says, by its name, that the segment ends at `end` because its
  /// writer's disk failed: nothing behind is mail (R3).
  package func endFile(_ end: UInt64) -> String {
    var text = Array((stem + Self.endMark).utf8)
    text.append(hex: end, width: 16)
    return String(decoding: text, as: UTF8.self)
  }

  /// The segment and the end that a file says by its name; `nil` for other files.
  package static func parseEnd(file: String) -> (name: SegmentName, end: UInt64)? {
    guard let mark = file.firstRange(ofText: endMark),
      let name = SegmentName(stem: file[..<mark.lowerBound]),
      let end = UInt64(file[mark.upperBound...], radix: 16), name.endFile(end) == file
    else { return nil }
    return (name, end)
  }

  /// What a file of the spool is for, told by its name; `nil` for files that are none of ours.
  package static func parse(file: String) -> (name: SegmentName, kind: FileKind)? {
    for kind in FileKind.allCases where file.hasSuffix(kind.suffix) {
      guard let name = SegmentName(stem: file.dropLast(kind.suffix.count)) else { continue }
      return (name, kind)
    }
    return nil
  }

  private init?(stem: some StringProtocol) {
    let parts = stem.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].utf8.count == 16,
      let sequence = UInt64(parts[0], radix: 16), let nonce = Nonce(hex: parts[1])
    else { return nil }
    self.init(sequence: sequence, nonce: nonce, writer: String(parts[2]))
    guard self.stem == stem else { return nil }
  }

  /// The kinds of files that belong to a segment.
  package enum FileKind: CaseIterable, Sendable {
    /// Records.
    case segment
    /// What became of them.
    case journal
    /// A journal not yet put in the place of the old one.
    case journalDraft

    var suffix: String {
      switch self {
      case .segment: segmentSuffix
      case .journal: journalSuffix
      case .journalDraft: draftSuffix
      }
    }
  }
}

/// How far a segment is safe on the disk: everything before `end` has been flushed (R11).
package struct Watermark: Hashable, Sendable {
  /// The segment.
  package var nonce: Nonce
  /// The first byte that no flush has covered.
  package var end: UInt64

  /// Says that all bytes of the segment before `end` are flushed.
  package init(nonce: Nonce, end: UInt64) {
    self.nonce = nonce
    self.end = end
  }
}

/// Where a record lies; the identity of a message for intake (R11).
package struct RecordPlace: Hashable, Sendable {
  /// The segment.
  package let nonce: Nonce
  /// The first byte of the record's lead in the segment.
  package let offset: UInt64

  /// The record at `offset` of the segment with this nonce.
  package init(nonce: Nonce, offset: UInt64) {
    self.nonce = nonce
    self.offset = offset
  }
}

extension String {
  /// Where `text`, which is ASCII, first stands.
  fileprivate func firstRange(ofText text: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) {
        return start..<index(start, offsetBy: text.count)
      }
      start = index(after: start)
    }
    return nil
  }
}
