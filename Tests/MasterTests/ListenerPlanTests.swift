import TestSupport
import Testing

@testable import Master
@testable import ServiceKit

@Suite struct ListenerPlanTests {
  @Test(arguments: [ListenerPlan.endpointsMax, ListenerPlan.endpointsMax + 1])
  func socketsThatDoNotFitOnePacketAreRefusedBeforeTheStart(
    count: Int
  ) throws {
    let folder = try TemporaryDirectory()
    _ = try folder.write("myhostname = mx.test\n", to: "main.cf")
    let lines = (1...count).map { "127.0.0.1:\(40_000 + $0) inet n - n - - smtpd\n" }
    _ = try folder.write(lines.joined(), to: "master.cf")
    let files = ConfigurationFiles(directory: folder.path)
    if count <= ListenerPlan.endpointsMax {
      #expect(try ListenerPlan(files).endpoints.count == count)
    } else {
      #expect(throws: ListenerPlan.Failure.self) { try ListenerPlan(files) }
    }
  }

  @Test func theSocketsFitOnePacketWithAllElseThatAnSmtpdGets() {
    let record = StartRecord(
      name: ProcessName(role: .smtpd, index: 0), user: nil, logKind: .lines, configurationSize: 1,
      keyMaterialSize: 1, hasLoadBoard: true, clientRow: 0)
    #expect(
      RoleProcess.sharedDescriptors + ListenerPlan.endpointsMax + record.descriptorsBehindListeners
        == MessageChannel.descriptorsPerPacketMax)
  }
}
