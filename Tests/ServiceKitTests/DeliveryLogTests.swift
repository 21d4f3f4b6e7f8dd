import MailTypes
import ServiceKit
import Testing

@Test(arguments: [
  (0, "0"), (4_000, "0"), (5_000, "0.01"), (19_000, "0.02"), (100_000, "0.1"), (190_000, "0.19"),
  (500_000, "0.5"), (994_000, "0.99"), (996_000, "1"), (1_234_000, "1.2"), (2_000_000, "2"),
  (9_940_000, "9.9"), (9_960_000, "10"), (12_340_000, "12"), (345_600_000, "346"),
])
func aDelayHasTwoSignificantDigits(microseconds: Int, text: String) {
  var out: [UInt8] = []
  out.append(delay: Int64(microseconds))
  #expect(String(decoding: out, as: UTF8.self) == text)
}

@Test func underSoftBounceAVerdictIsTemporary() {
  let refused = RecipientVerdict(
    index: 3, outcome: .bounced, status: EnhancedStatus(5, 1, 1), text: [97], relay: [98])
  let soft = RecipientVerdict(
    index: 3, outcome: .deferred, status: EnhancedStatus(4, 1, 1), text: [97], relay: [98])
  #expect(refused.softened == soft)
  #expect(soft.softened == soft)
  let sent = RecipientVerdict(
    index: 0, outcome: .sent, status: EnhancedStatus(2, 0, 0), text: [], relay: [])
  #expect(sent.softened == sent)
}
