import Testing

@testable import SMTPReceiver

@Suite struct SessionShareTests {
  @Test(arguments: [
    (1, 2, [1, 0]), (2, 2, [1, 1]), (7, 3, [3, 2, 2]), (10_000, 4, [2500, 2500, 2500, 2500]),
    (3, 8, [1, 1, 1, 0, 0, 0, 0, 0]),
  ])
  func theSharesOfAllProcessesAreTheLimit(limit: Int, processes: Int, shares: [Int]) {
    let found = (0..<processes).map {
      SMTPReceiverService.share(of: limit, process: $0, of: processes)
    }
    #expect(found == shares)
    #expect(found.reduce(0, +) == limit)
  }
}
