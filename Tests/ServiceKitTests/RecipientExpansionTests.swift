import AddressRewriting
import LookupTables
import MailTypes
import Primitives
import QueueFormat
import ServiceKit
import Testing

struct RecipientExpansionTests {
  private func rewriting(_ entries: String = "", remembered: Int = 1000) throws
    -> EnvelopeRewriting
  {
    let tables = try TableSet(
      entries.isEmpty ? [] : ["inline:{\(entries)}"], opener: TableOpener { _ in nil })
    let resolver = AddressResolver(myhostname: "mx.test", myorigin: "mx.test")
    let search = AddressSearch(tables, delimiters: "") { domain in domain == "mx.test" }
    return EnvelopeRewriting(
      resolver: resolver,
      aliases: AliasExpansion(
        "virtual_alias_maps", search, resolver: resolver, keepsExtension: true),
      rememberedRecipients: remembered)
  }

  /// The recipients as `address`, or `address<original` where another was given.
  private func expanded(
    _ recipients: [EnvelopeRecipient], by rewriting: EnvelopeRewriting, keepsOriginals: Bool = true
  ) async throws -> [String] {
    var envelope = Envelope(
      sender: MailAddress("s"), recipients: recipients, arrival: WallTime(microseconds: 0))
    rewriting.complete(&envelope)
    #expect(envelope.sender == MailAddress("s@mx.test"))
    var expansion = RecipientExpansion(rewriting, keepsOriginals: keepsOriginals)
    for recipient in envelope.recipients { try await expansion.add(recipient) }
    #expect(expansion.size >= expansion.recipients.map(\.address.bytes.count).reduce(0, +))
    return expansion.recipients.map { recipient in
      "\(recipient.address)" + (recipient.original.map { "<\($0)" } ?? "")
    }
  }

  private func plain(_ texts: String...) -> [EnvelopeRecipient] {
    texts.map { EnvelopeRecipient(MailAddress($0)) }
  }

  @Test func eachResultRemembersTheAddressThatWasGiven() async throws {
    let aliases = try rewriting("{ all = one@x.test, all, two@x.test } one@x.test=three@x.test")
    #expect(
      try await expanded(plain("all", "u@v.test"), by: aliases) == [
        "three@x.test<all", "all@mx.test<all", "two@x.test<all", "u@v.test",
      ])
    #expect(
      try await expanded(plain("all@mx.test"), by: aliases) == [
        "three@x.test<all@mx.test", "all@mx.test", "two@x.test<all@mx.test",
      ])
  }

  @Test func whatIsNamedTwiceIsLeftOut() async throws {
    let none = try rewriting()
    #expect(
      try await expanded(plain("a@o.test", "A@o.test", "b@o.test", "a@o.test"), by: none)
        == ["a@o.test", "b@o.test"])
    let aliases = try rewriting("{ list = a@o.test, A@O.test, b@o.test }")
    let both = plain("list", "a@o.test")
    #expect(
      try await expanded(both, by: aliases) == ["a@o.test<list", "b@o.test<list", "a@o.test"])
    #expect(
      try await expanded(both, by: aliases, keepsOriginals: false)
        == ["a@o.test<list", "b@o.test<list"])
  }

  @Test func memoryIsAskedForBeforeItIsTaken() async throws {
    let list = (0..<100).map { "user\($0)@o.test" }.joined(separator: ", ")
    let aliases = try rewriting("{ list = \(list) } { two = list, list } other=one@o.test")
    var held = 0
    var largest = 0
    let memory = ExpansionMemory { bytes in
      guard held + bytes <= 20_000 else { return false }
      held += bytes
      largest = max(largest, held)
      return true
    }
    var expansion = RecipientExpansion(aliases, keepsOriginals: true)
    try await expansion.add(EnvelopeRecipient(MailAddress("other@mx.test")), in: memory)
    #expect(memory.taken == expansion.size && held == expansion.size)
    await #expect(throws: RewriteError.noMemory(address: MailAddress("list@mx.test"))) {
      try await expansion.add(EnvelopeRecipient(MailAddress("list@mx.test")), in: memory)
    }
    #expect(largest <= 20_000 && held == memory.taken)
    #expect(expansion.size >= expansion.recipients.count * MemoryLayout<EnvelopeRecipient>.stride)
    memory.giveBack(to: 0)
    #expect(held == 0)
  }

  @Test func otherWishesMakeAnotherRecipient() async throws {
    let address = MailAddress("a@o.test")
    let recipients = [
      EnvelopeRecipient(address), EnvelopeRecipient(address, notify: .success),
      EnvelopeRecipient(address, notify: .never), EnvelopeRecipient(address, notify: .never),
      EnvelopeRecipient(address, dsnOriginal: Array("rfc822;x".utf8)),
    ]
    #expect(try await expanded(recipients, by: rewriting()).count == 4)
  }

  @Test func twoCommandsWithOneChecksumAreTwo() throws {
    var expansion = RecipientExpansion(try rewriting(), keepsOriginals: true)
    for index in [0, 1, 0] as [UInt32] {
      var recipient = EnvelopeRecipient(MailAddress("list@mx.test"))
      recipient.kind = .program(
        AliasProgramPlace(index: index, count: 2, isInFile: true, isBare: false, checksum: 7))
      try expansion.take(recipient)
    }
    #expect(expansion.recipients.count == 2)
  }

  @Test func onlySoManyRecipientsAreRemembered() async throws {
    let few = try rewriting(remembered: 1)
    let recipients = plain("a@o.test", "b@o.test", "b@o.test", "a@o.test")
    #expect(try await expanded(recipients, by: few) == ["a@o.test", "b@o.test", "b@o.test"])
    #expect(
      try await expanded(recipients, by: rewriting(remembered: 0)) == ["a@o.test", "b@o.test"])
  }
}
