import ArgumentParser
import Testing

@testable import Administration

@Suite struct ConfigCommandTests {
  private func parse(_ arguments: String...) throws -> ConfigCommand? {
    try MartinetCommand.parseAsRoot(["config"] + arguments) as? ConfigCommand
  }

  @Test func lettersCanBeJoinedAndNamesFollow() throws {
    let command = try #require(try parse("-nx", "mydomain", "relayhost"))
    #expect(command.showsAssigned && command.isExpanded && !command.showsDefaults)
    #expect(command.names == ["mydomain", "relayhost"])
  }

  @Test(arguments: [["-d", "-n"], ["-h", "-H"], ["-z"]])
  func whatCannotBeShownTogetherIsRefused(arguments: [String]) {
    #expect(throws: (any Error).self) {
      try MartinetCommand.parseAsRoot(["config"] + arguments)
    }
  }
}
