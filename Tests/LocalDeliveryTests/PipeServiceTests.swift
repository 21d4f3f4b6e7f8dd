import MailTypes
import ServiceKit
import Testing

@testable import LocalDelivery

struct PipeServiceTests {
  @Test func theAttributesOfAServiceAreRead() throws {
    let service = try PipeService([
      "flags=DRhuXB.>q", "user=vmail:mail", "size=1000", "eol=\\r\\n\\101", "directory=/d",
      "null_sender=", "argv=/usr/lib/dovecot/deliver", "-f", "${sender}", "user=x",
    ])
    #expect(
      service.style == [.deliveredTo, .returnPath, .blankLine, .stuffsDots, .quotesFrom])
    #expect(service.spelling == [.foldsDomain, .foldsLocalPart, .quotes])
    #expect(service.deliversFinally)
    #expect(service.user == "vmail")
    #expect(service.group == "mail")
    #expect(service.sizeMax == 1000)
    #expect(service.lineEnd == [13, 10, 65])
    #expect(service.directory == "/d")
    #expect(service.nullSender == "")
    #expect(service.arguments == ["/usr/lib/dovecot/deliver", "-f", "${sender}", "user=x"])
  }

  @Test(arguments: [
    (["argv=/bin/true"], "user= is missing"), (["user=x"], "argv= is missing"),
    (["user=x", "flags=Y", "argv=/bin/true"], "flags=: unknown flag Y"),
    (["user=x", "odd=1", "argv=/bin/true"], "unknown attribute odd=1"),
    (["user=:g", "argv=/bin/true"], "user=: expected name or name:group, found :g"),
    (["user=x", "size=1k", "argv=/bin/true"], "size=: expected a number of bytes, found 1k"),
    (["user=x", "eol=\\q", "argv=/bin/true"], "eol=: unknown escape in \\q"),
    (["word"], "expected attribute=value, found word"),
  ])
  func whatIsWrongWithAServiceIsNamed(words: [String], flaw: String) {
    #expect(throws: PipeService.Flaw(description: flaw)) { try PipeService(words) }
  }

  private func arguments(
    _ recipients: String..., sender: String = "Some \"Body\"@From.test",
    spelling: PipeSpelling = [], nullSender: String = "MAILER-DAEMON"
  ) -> PipeArguments {
    PipeArguments(
      sender: MailAddress(sender), nullSender: nullSender, nextHop: "Hop.test", queueID: "4QID",
      size: 357,
      recipients: recipients.map {
        .init(address: MailAddress($0), original: MailAddress("Orig+" + $0))
      }, spelling: spelling, delimiters: "+")
  }

  @Test func macrosStandForTheMessage() throws {
    let words = [
      "-f", "${sender}", "$recipient", "$(user)@${nexthop}", "e=$extension", "m=${mailbox}",
      "d=$domain", "o=$original_recipient", "two words $queue_id $size", "$$",
    ]
    #expect(
      try arguments("Us+eX@Show.Test", sender: "S@F.test").expand(words) == [
        "-f", "S@F.test", "Us+eX@Show.Test", "Us@Hop.test", "e=eX", "m=Us+eX", "d=Show.Test",
        "o=Orig+Us+eX@Show.Test", "two words 4QID 357", "$",
      ])
    #expect(
      try arguments(
        "Us+eX@Show.Test", sender: "S@F.test", spelling: [.foldsDomain, .foldsLocalPart]
      ).expand(words) == [
        "-f", "S@F.test", "us+ex@show.test", "us@hop.test", "e=ex", "m=us+ex", "d=show.test",
        "o=orig+us+ex@show.test", "two words 4QID 357", "$",
      ])
  }

  @Test func anArgumentThatNamesARecipientComesForEach() throws {
    #expect(
      try arguments("a+x@b.test", "c@d.test").expand(["-f", "x", "--", "$recipient", "u=$user"])
        == ["-f", "x", "--", "a+x@b.test", "c@d.test", "u=a", "u=c"])
  }

  @Test func addressesAreQuotedOnlyWhereThatIsAskedFor() throws {
    let address = "\"a b\"@x.test"
    #expect(
      try arguments(address, sender: address).expand(["$sender", "$recipient", "$user"])
        == ["a b@x.test", "a b@x.test", "a b"])
    #expect(
      try arguments(address, sender: address, spelling: .quotes)
        .expand(["$sender", "$recipient", "$user"]) == [address, address, "a b"])
  }

  @Test func theNullSenderHasItsReplacement() throws {
    #expect(try arguments("a@b", sender: "").expand(["$sender"]) == ["MAILER-DAEMON"])
    #expect(try arguments("a@b", sender: "", nullSender: "").expand(["$sender"]) == [""])
  }

  @Test(arguments: ["$odd", "${recipient", "a$", "$ b"])
  func whatIsNoMacroIsAnError(argument: String) {
    #expect(throws: PipeService.Flaw.self) { try arguments("a@b").expand([argument]) }
  }
}

@Test func aCommandGetsNoMoreAddressesThanFitIntoItsOrder() {
  let recipients = (0..<10).map { index in
    DeliveryRecipient(
      index: UInt32(index), address: MailAddress([UInt8](repeating: 0x61, count: 30)))
  }
  let groups = DeliveryProgram.groups(of: recipients, sizeMax: 100)
  #expect(groups.map(\.count) == [3, 3, 3, 1])
  #expect(groups.flatMap { $0.map(\.index) } == Array(0..<10))
  #expect(
    DeliveryProgram.groups(of: recipients, sizeMax: 10).map(\.count)
      == Array(repeating: 1, count: 10))
}
