import MailTypes
import Primitives
import QueueFormat
import Testing

let sampleNonce = Nonce(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)

func sampleName(_ sequence: UInt64 = 42) throws -> SegmentName {
  try #require(SegmentName(sequence: sequence, nonce: sampleNonce, writer: "smtpd-1"))
}

func sampleLead() -> RecordLead {
  var lead = RecordLead(
    id: QueueID(microseconds: 1_700_000_000_123_456, sequence: 42),
    flags: [.body8Bit, .hasStuffedLines])
  lead.nonce = sampleNonce
  lead.offset = 4160
  lead.length = 512
  lead.headerInRecord = Extent(offset: 128, length: 100)
  lead.bodyInRecord = Extent(offset: 228, length: 50)
  lead.envelopeInRecord = Extent(offset: 281, length: 80)
  lead.headerChecksum = 1
  lead.bodyChecksum = 2
  lead.envelopeChecksum = 3
  lead.recipientCount = 4
  lead.contentSize = 149
  return lead
}

@Test func segmentNamesSurviveTheirFileNames() throws {
  let name = try sampleName()
  #expect(
    name.segmentFile == "000000000000002a.0123456789abcdeffedcba9876543210.smtpd-1.segment")
  for (file, kind) in [
    (name.segmentFile, SegmentName.FileKind.segment), (name.journalFile, .journal),
    (name.journalDraftFile, .journalDraft),
  ] {
    let parsed = try #require(SegmentName.parse(file: file))
    #expect(parsed.name == name)
    #expect(parsed.kind == kind)
  }
}

@Test(arguments: [
  "", "x.segment", "000000000000002a.0123456789abcdeffedcba9876543210.smtpd_1.segment",
  "000000000000002A.0123456789abcdeffedcba9876543210.smtpd.segment",
  "000000000000002a.0123456789abcdeffedcba9876543210..segment",
  "000000000000002a.0123456789abcdeffedcba9876543210.smtpd.segment~",
  "2a.0123456789abcdeffedcba9876543210.smtpd.segment", "lock", "sequence",
])
func otherFilesAreNoSegments(file: String) {
  #expect(SegmentName.parse(file: file) == nil)
}

@Test func fileHeadersAreReadBackAndRefusedWhenTouched() throws {
  let header = FileHeader(
    .segment, version: SpoolLayout.version, name: try sampleName(),
    created: WallTime(microseconds: 123_456_789))
  let block = header.encoded()
  #expect(block.count == SpoolLayout.blockSize)
  let read = try block.withUnsafeBytes { try FileHeader($0, expecting: .segment) }
  #expect(read == header)
  #expect(throws: FormatError.damaged) {
    try block.withUnsafeBytes { try FileHeader($0, expecting: .journal) }
  }
  for at in 0..<128 {
    var touched = block
    touched[at] ^= 1
    #expect(throws: FormatError.damaged) {
      try touched.withUnsafeBytes { try FileHeader($0, expecting: .segment) }
    }
  }
}

@Test func aNewerFormatIsNamedAndNotCalledDamage() throws {
  let header = FileHeader(
    .journal, version: SpoolLayout.version + 1, name: try sampleName(),
    created: WallTime(microseconds: 0))
  #expect(throws: FormatError.newerVersion(SpoolLayout.version + 1)) {
    try header.encoded().withUnsafeBytes { try FileHeader($0, expecting: .journal) }
  }
}

@Test func batchHeadersBelongToOnePlaceOfOneSegment() throws {
  let header = BatchHeader(
    nonce: sampleNonce, number: 7, offset: 8192, length: 5000, previousEnd: 7777, recordCount: 3)
  var bytes = [UInt8](repeating: 0xff, count: BatchHeader.size)
  bytes.withUnsafeMutableBytes { header.encode(into: $0) }
  let read = try bytes.withUnsafeBytes {
    try BatchHeader($0, nonce: sampleNonce, offset: 8192)
  }
  #expect(read == header)
  #expect(throws: FormatError.damaged) {
    try bytes.withUnsafeBytes { try BatchHeader($0, nonce: sampleNonce, offset: 4096) }
  }
  #expect(throws: FormatError.damaged) {
    try bytes.withUnsafeBytes {
      try BatchHeader($0, nonce: Nonce(high: 1, low: 2), offset: 8192)
    }
  }
  for at in bytes.indices {
    var touched = bytes
    touched[at] ^= 0x10
    #expect(throws: FormatError.damaged) {
      try touched.withUnsafeBytes { try BatchHeader($0, nonce: sampleNonce, offset: 8192) }
    }
  }
}

@Test func leadsAreReadBackOnlyAtTheirPlaceAndUntouched() throws {
  let lead = sampleLead()
  var bytes = [UInt8](repeating: 0xff, count: RecordLead.size)
  bytes.withUnsafeMutableBytes { lead.encode(into: $0) }
  let read = try bytes.withUnsafeBytes { try RecordLead($0, nonce: sampleNonce, offset: 4160) }
  #expect(read == lead)
  #expect(read.isContiguous)
  #expect(read.isUnderstood)
  #expect(read.header == Extent(offset: 4288, length: 100))
  #expect(throws: FormatError.damaged) {
    try bytes.withUnsafeBytes { try RecordLead($0, nonce: sampleNonce, offset: 4224) }
  }
  for at in bytes.indices {
    var touched = bytes
    touched[at] ^= 0x80
    #expect(throws: FormatError.damaged) {
      try touched.withUnsafeBytes { try RecordLead($0, nonce: sampleNonce, offset: 4160) }
    }
  }
}

@Test func leadsWhosePartsLieOutsideTheRecordAreDamaged() throws {
  var wrong: [RecordLead] = []
  for change: (inout RecordLead) -> Void in [
    { $0.length = 500 }, { $0.length = 64 }, { $0.headerInRecord.offset = 100 },
    { $0.bodyInRecord.length = 282 }, { $0.envelopeInRecord.offset = 433 },
    { $0.bodyInRecord.offset = .max }, { $0.bodyInRecord.length = .max },
  ] {
    var lead = sampleLead()
    change(&lead)
    wrong.append(lead)
  }
  for lead in wrong {
    var bytes = [UInt8](repeating: 0, count: RecordLead.size)
    bytes.withUnsafeMutableBytes { lead.encode(into: $0) }
    #expect(throws: FormatError.damaged) {
      try bytes.withUnsafeBytes { try RecordLead($0, nonce: sampleNonce, offset: 4160) }
    }
  }
}

@Test func wholeLeadsOfLaterBuildsAreReadAsNotUnderstood() throws {
  for change: (inout RecordLead) -> Void in [
    { $0.version = SpoolLayout.version + 1 },
    { $0.flags.insert(RecordFlags(rawValue: 1 << 31)) },
  ] {
    var lead = sampleLead()
    change(&lead)
    var bytes = [UInt8](repeating: 0, count: RecordLead.size)
    bytes.withUnsafeMutableBytes { lead.encode(into: $0) }
    let read = try bytes.withUnsafeBytes { try RecordLead($0, nonce: sampleNonce, offset: 4160) }
    #expect(!read.isUnderstood)
    #expect(read.id == lead.id)
    #expect(read.length == lead.length)
  }
}

@Test func theEndOfAFailedSegmentIsReadFromAFileName() throws {
  let name = try sampleName()
  let file = name.endFile(0x1234)
  #expect(
    file == "000000000000002a.0123456789abcdeffedcba9876543210.smtpd-1.end-0000000000001234")
  let parsed = try #require(SegmentName.parseEnd(file: file))
  #expect(parsed.name == name)
  #expect(parsed.end == 0x1234)
  #expect(SegmentName.parseEnd(file: name.segmentFile) == nil)
  #expect(SegmentName.parseEnd(file: file + "0") == nil)
  #expect(SegmentName.parse(file: file) == nil)
}
