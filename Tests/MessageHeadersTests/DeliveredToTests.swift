import MailTypes
import MessageHeaders
import Testing

@Test(arguments: [
  ("Delivered-To: anna@here\r\n", true), ("DELIVERED-TO:  Anna@HERE \r\n", true),
  ("Subject: x\r\nDelivered-To: anna@here\r\n\r\n", true),
  ("Delivered-To: bob@here\r\n", false), ("X-Delivered-To: anna@here\r\n", false),
  ("Subject: Delivered-To: anna@here\r\n", false), ("Delivered-To: anna@here.test\r\n", false),
  ("", false), ("Delivered-To:", false),
])
func aMessageThatWasDeliveredBeforeIsALoop(header: String, isLoop: Bool) {
  let found = Array(header.utf8).withUnsafeBytes {
    DeliveredTo.names(MailAddress("anna@here"), in: $0)
  }
  #expect(found == isLoop)
}
