import ServiceKit
import Testing

@testable import Administration

private func orders(_ arguments: String...) throws -> [String] {
  try PostsuperCommand.parse(arguments).orders.map { "\($0.order) \($0.target)" }
}

@Test func postsuperTakesItsOrdersInAllSpellings() throws {
  #expect(try orders("-d", "4ABC") == ["delete id(\"4ABC\")"])
  #expect(try orders("-d4ABC", "-hALL") == ["delete id(\"4ABC\")", "hold all"])
  #expect(try orders("-r", "-") == ["requeue standardInput"])
  #expect(try orders("-f", "ALL") == ["expire all", "release all"])
  #expect(try orders("-svH", "4ABC") == ["release id(\"4ABC\")"])
  #expect(try orders("-s", "-p", "-S") == [])
}

@Test func postsuperKnowsTheQueuesByName() throws {
  let line = try PostsuperCommand.parse(["-c", "/etc/x", "-d", "ALL", "deferred", "hold"])
  #expect(line.directory == "/etc/x")
  #expect(try PostsuperCommand.states(line.queues) == [.deferred, .hold])
  #expect(try PostsuperCommand.states([]) == nil)
}

@Test func postsuperRefusesWhatItDoesNotKnow() {
  for wrong in [["-x"], ["-d"], ["-dx", "-h"]] {
    #expect(throws: ControlFailure.self) { try PostsuperCommand.parse(wrong) }
  }
  #expect(throws: ControlFailure.self) { try PostsuperCommand.states(["bogus"]) }
}
