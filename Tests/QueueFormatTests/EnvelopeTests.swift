import MailTypes
import Primitives
import QueueFormat
import TestSupport
import Testing

func fullEnvelope() -> Envelope {
  var envelope = Envelope(
    sender: MailAddress("a@example.org"),
    recipients: [
      EnvelopeRecipient(MailAddress("b@example.net")),
      EnvelopeRecipient(
        MailAddress("c@example.net"), original: MailAddress("list@example.org"),
        notify: [.success, .delay], dsnOriginal: Array("rfc822;list@example.org".utf8)),
      EnvelopeRecipient(MailAddress("d"), original: .null, notify: .never),
    ],
    arrival: WallTime(microseconds: 1_700_000_000_000_001))
  var program = EnvelopeRecipient(
    MailAddress("list@example.org"), original: MailAddress("all@example.org"), notify: .failure)
  program.kind = .program(
    AliasProgramPlace(
      index: 1, count: 70_000, isInFile: true, isBare: true, checksum: 0xfedc_ba98))
  // As earlier builds keep it.
  var early = EnvelopeRecipient(MailAddress("early@example.org"))
  early.kind = .program(AliasProgramPlace(index: 0, count: 1, isInFile: false, isBare: false))
  var alias = EnvelopeRecipient(MailAddress("owned@example.org"))
  alias.kind = .alias
  envelope.recipients += [program, early, alias]
  envelope.client.name = Array("mail.example.org".utf8)
  envelope.client.address = Array("192.0.2.1".utf8)
  envelope.client.port = 50_025
  envelope.client.helo = Array("mail".utf8)
  envelope.client.protocolName = Array("ESMTP".utf8)
  envelope.envelopeID = Array("QQ314159".utf8)
  envelope.returnContent = .headers
  envelope.sasl = SASLAttributes(method: Array("plain".utf8), user: Array("u".utf8))
  envelope.stuffedDots = [17, 1 << 40]
  envelope.origin = RecordPlace(nonce: sampleNonce, offset: 4160)
  envelope.pickupSource = PickupSource(
    name: Array("ABC123".utf8), inode: 77, changed: WallTime(microseconds: 5))
  envelope.contentFilter = Array("scan:[192.0.2.9]:25".utf8)
  envelope.served = [EnvelopeRecipient(MailAddress("has@example.org")), program, alias]
  envelope.others = [EnvelopeAttribute(type: 999, value: [1, 2, 3])]
  return envelope
}

func encoded(_ envelope: Envelope) -> [UInt8] {
  var bytes: [UInt8] = []
  envelope.encode(into: &bytes)
  return bytes
}

@Test func envelopesAreReadBackWithAttributesOfLaterBuilds() throws {
  let envelope = fullEnvelope()
  let read = try encoded(envelope).withUnsafeBytes { try Envelope($0) }
  #expect(read == envelope)
}

/// A build that knows only addresses must not deliver such mail to a mailbox.
@Test func aRecipientThatIsNoAddressMustBeUnderstood() throws {
  var envelope = Envelope(
    sender: .null, recipients: [EnvelopeRecipient(MailAddress("list@example.org"))],
    arrival: WallTime(microseconds: 1))
  let plain = encoded(envelope)
  envelope.recipients[0].kind = .alias
  let special = encoded(envelope)
  // Behind sender and time.
  let at = 6 + 6 + 8
  #expect(plain[at + 1] == 0 && special[at + 1] == 0x80)
  // One of a kind that is not known yet is held.
  var later = special
  later[at + 6] = 9
  #expect(throws: FormatError.notUnderstood) {
    try later.withUnsafeBytes { try Envelope($0) }
  }
}

@Test func aSmallEnvelopeTakesLittleRoom() {
  let envelope = Envelope(
    sender: .null, recipients: [EnvelopeRecipient(MailAddress("b@example.net"))],
    arrival: WallTime(microseconds: 1))
  #expect(encoded(envelope).count < 64)
}

@Test func anAttributeThatMustBeKnownMakesTheEnvelopeNotUnderstood() {
  var envelope = fullEnvelope()
  envelope.others = [EnvelopeAttribute(type: 0x8123, value: [])]
  #expect(throws: FormatError.notUnderstood) {
    try encoded(envelope).withUnsafeBytes { try Envelope($0) }
  }
}

@Test func cutEnvelopesAreDamagedOrShorterAndNeverTrap() throws {
  let bytes = encoded(fullEnvelope())
  for count in 0..<bytes.count {
    let cut = Array(bytes[..<count])
    do {
      let read = try cut.withUnsafeBytes { try Envelope($0) }
      #expect(read != fullEnvelope())
    } catch {
      #expect(error as? FormatError == .damaged)
    }
  }
}

@Test func whatAnyBytesAreReadAsIsReadBackTheSame() throws {
  var random = SplitMix64(seed: 2)
  let base = encoded(fullEnvelope())
  var understood = 0
  for _ in 0..<5_000 {
    var bytes = base
    for _ in 0...Int.random(in: 0...3, using: &random) {
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
        in: 0...255, using: &random)
    }
    guard let read = try? bytes.withUnsafeBytes({ try Envelope($0) }) else { continue }
    understood += 1
    let again = try encoded(read).withUnsafeBytes { try Envelope($0) }
    #expect(again == read)
  }
  #expect(understood > 1_000)
}

@Test func anAddressThatIsTooLongIsCutAndLeavesTheEnvelopeReadable() throws {
  let envelope = Envelope(
    sender: .null,
    recipients: [
      EnvelopeRecipient(MailAddress([UInt8](repeating: 0x61, count: 70_000))),
      EnvelopeRecipient(MailAddress("b@example.net")),
    ], arrival: WallTime(microseconds: 1))
  let read = try encoded(envelope).withUnsafeBytes { try Envelope($0) }
  #expect(read.recipients.map(\.address.bytes.count) == [65_535, 13])
}
