import Primitives
import ServiceKit
import TestSupport
import Testing

@testable import Master

/// What a reload changes: sockets and processes.
@Suite struct ReloadPlanTests {
  private let any4 = IPAddress(v4: 0)
  private let loopback = IPAddress(v4: 0x7f00_0001)

  private func endpoint(
    _ service: String, _ address: IPAddress, _ port: UInt16, settings: UInt32 = 0
  ) -> ListenerPlan.Endpoint {
    ListenerPlan.Endpoint(service: service, settings: settings, address: address, port: port)
  }

  private func place(_ address: IPAddress, _ port: UInt16) -> ListenerDifference.Place {
    .init(address: address, port: port)
  }

  @Test func whatStaysIsKeptWhateverElseIsSaidOfTheService() {
    let wanted = [endpoint("other", any4, 25, settings: 7)]
    let difference = ListenerDifference(open: [place(any4, 25)], wanted: wanted)
    #expect(difference.kept == wanted)
    #expect(difference.added.isEmpty && difference.removed.isEmpty)
  }

  @Test func whatIsNewIsAddedAndWhatIsGoneRemoved() {
    let stays = endpoint("smtp", any4, 25)
    let fresh = endpoint("submission", any4, 587)
    let difference = ListenerDifference(
      open: [place(any4, 25), place(any4, 2525)], wanted: [stays, fresh])
    #expect(difference.kept == [stays])
    #expect(difference.added == [fresh])
    #expect(difference.removed == [place(any4, 2525)])
  }

  @Test func anotherAddressOfTheSamePortIsAnotherSocket() {
    let difference = ListenerDifference(
      open: [place(any4, 25)], wanted: [endpoint("smtp", loopback, 25)])
    #expect(difference.added.count == 1 && difference.kept.isEmpty)
    #expect(difference.removed == [place(any4, 25)])
  }

  @Test func aPlaceThatIsWantedTwiceIsNotSharedInSilence() {
    let difference = ListenerDifference(
      open: [place(any4, 25)], wanted: [endpoint("a", any4, 25), endpoint("b", any4, 25)])
    #expect(difference.kept.map(\.service) == ["a"])
    #expect(difference.added.map(\.service) == ["b"])
  }

  @Test func aNewGenerationTakesTheLowestNumbersThatNobodyHas() {
    let first = ServicePlan.processes(receivers: 2, senders: 1)
    #expect(
      first.map { "\($0.role.rawValue) \($0.index)" }
        == ["qmgr 0", "control 0", "smtpd 0", "smtpd 1", "smtp 0", "local 0"])
    let second = ServicePlan.processes(receivers: 1, senders: 2, taken: Set(first))
    #expect(
      second.map { "\($0.role.rawValue) \($0.index)" }
        == ["qmgr 0", "control 1", "smtpd 2", "smtp 1", "smtp 2", "local 1"])
    let leaving = Set(second + [ProcessName(role: .smtpd, index: 1)])
    let third = ServicePlan.processes(receivers: 2, senders: 1, taken: leaving)
    #expect(third.filter { $0.role == .smtpd }.map(\.index) == [0, 3])
    #expect(third.filter { $0.role == .qmgr }.map(\.index) == [0])
  }

  @Test func anOutcomeSurvivesItsWayAndIsBounded() {
    let refused = ReloadOutcome(isTaken: false, findings: ["main.cf, line 3: x: expected y", "z"])
    #expect(ReloadOutcome(refused.bytes) == refused)
    #expect(ReloadOutcome(ReloadOutcome(isTaken: true, findings: []).bytes)?.isTaken == true)
    #expect(ReloadOutcome("nonsense\n".utf8) == nil)
    let many = ReloadOutcome(
      isTaken: false, findings: Array(repeating: String(repeating: "a", count: 1000), count: 100))
    #expect(many.bytes.count <= ReloadOutcome.lengthMax + 100)
    #expect(ReloadOutcome(many.bytes)?.findings.last == "more is in the log")
  }
}
