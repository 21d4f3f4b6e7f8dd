import MailTypes
import Primitives
import ServiceKit
import Testing

@testable import LocalDelivery

struct LocalRecipientTests {
  @Test(arguments: [
    ("Anna@Here", "+", "anna", nil), ("anna+Lists@here", "+", "anna", "lists"),
    ("anna-a+b@here", "+-", "anna", "a+b"), ("+x@here", "+", "+x", nil),
    ("anna+x@here", "", "anna+x", nil), ("\"an na\"@here", "+", "an na", nil),
    ("owner-anna@here", "-", "owner-anna", nil), ("anna-request@here", "-", "anna-request", nil),
    ("double-bounce@here", "-", "double-bounce", nil), ("anna", "+", "anna", nil),
  ])
  func theUserIsWhatStandsBeforeTheDelimiter(
    address: String, delimiters: String, user: String, tag: String?
  ) {
    let recipient = LocalRecipient(MailAddress(address), delimiters: Array(delimiters.utf8))
    #expect(recipient.user == user)
    #expect(recipient.extension == tag)
  }
}

struct MailboxPlaceTests {
  @Test(arguments: [
    ("Maildir/", "/var/mail", MailboxPlace.maildir("/home/anna/Maildir")),
    ("mail/in//", "", .maildir("/home/anna/mail/in")),
    ("Mailbox", "/x/", .file("/home/anna/Mailbox")),
    ("", "/var/mail", .file("/var/mail/anna")), ("", "/srv/mail/", .maildir("/srv/mail/anna")),
  ])
  func aSlashAtTheEndMeansAMaildir(home: String, spool: String, place: MailboxPlace) {
    #expect(
      MailboxPlace(user: "anna", home: "/home/anna/", homeMailbox: home, mailSpoolDirectory: spool)
        == place)
  }
}

struct MaildirNameTests {
  @Test func namesCannotLeaveTheFolderOrMeanAnotherFile() {
    let names = MaildirName(host: "a/b:c", pid: 7)
    let time = WallTime(microseconds: 1_700_000_000_000_123)
    #expect(names.temporary(at: time) == "1700000000.M123P7.a\\057b\\072c")
    #expect(
      names.delivered(at: time, device: 0xfe00, inode: 0x8008)
        == "1700000000.Vfe00I8008M123.a\\057b\\072c")
  }
}

struct DeliveryFieldsTests {
  private func append(
    _ sender: String, _ original: String, _ recipient: String, style: CopyStyle = .maildir,
    to text: inout [UInt8]
  ) {
    let message = LocalMessage(
      content: -1, header: 0..<0, body: 0..<0, sender: MailAddress(sender),
      recipient: MailAddress(recipient), original: Array(original.utf8), style: style)
    DeliveryFields.append(style, of: message, at: WallTime(microseconds: 0), to: &text)
  }

  @Test(arguments: [("a@b.test", "a@b.test"), ("", "MAILER-DAEMON")])
  func theFirstLineOfAMailboxNamesTheSender(sender: String, shown: String) {
    var text: [UInt8] = []
    append(sender, "", "a@here", style: .mailbox, to: &text)
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    #expect(lines[0].hasPrefix("From \(shown)  "))
    #expect(lines[0].hasSuffix(" 1970") || lines[0].hasSuffix(" 1969"))
    #expect(lines[1] == "Return-Path: <\(sender)>")
  }

  @Test func theFieldsComeInTheirOrder() {
    var text: [UInt8] = []
    append("a@b.test", "anna+x@alias", "anna@here", to: &text)
    let wanted = "Return-Path: <a@b.test>\nX-Original-To: anna+x@alias\nDelivered-To: anna@here\n"
    #expect(String(decoding: text, as: UTF8.self) == wanted)
  }

  @Test func whatIsNotKeptIsNoField() {
    var text: [UInt8] = []
    append("", "", "a@here", to: &text)
    #expect(String(decoding: text, as: UTF8.self) == "Return-Path: <>\nDelivered-To: a@here\n")
  }

  @Test(arguments: [
    (true, "x@alias", "x@alias"), (true, "", "anna@here"), (false, "x@alias", ""),
  ])
  func theOriginalRecipientIsKeptWhereItIsWanted(keeps: Bool, original: String, wanted: String) {
    var settings = LocalAgent.Settings()
    settings.keepsOriginals = keeps
    let agent = LocalAgent(settings: settings, names: MaildirName(host: "mx", pid: 1))
    let recipient = DeliveryRecipient(
      index: 0, address: MailAddress("anna@here"), original: Array(original.utf8))
    #expect(agent.original(of: recipient) == Array(wanted.utf8))
  }

  @Test func theNullSenderHasAnEmptyReturnPath() {
    var text: [UInt8] = []
    append("", "a", "a@here", to: &text)
    #expect(text.starts(with: Array("Return-Path: <>\n".utf8)))
  }
}
