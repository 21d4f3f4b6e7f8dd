import Foundation
import Simulation
import Testing

/// The seeds to run: one named by MARTINET_SEED, or as many as MARTINET_SEEDS says, or a few.
private var seeds: [UInt64] {
  let environment = ProcessInfo.processInfo.environment
  if let one = environment["MARTINET_SEED"].flatMap(UInt64.init) { return [one] }
  let count = environment["MARTINET_SEEDS"].flatMap(UInt64.init) ?? 300
  return Array(1...count)
}

@Test func noSeedLosesAcceptedMailOrDeliversRefusedMail() {
  for seed in seeds {
    let outcome = SpoolSimulation.run(seed: seed)
    if !outcome.violations.isEmpty {
      Issue.record(
        "MARTINET_SEED=\(seed): \(Set(outcome.violations).sorted().prefix(5)); \(outcome.summary)")
    }
  }
}

@Test func aSeedRunsTheSameEachTime() {
  for seed: UInt64 in 1...5 {
    #expect(SpoolSimulation.run(seed: seed).summary == SpoolSimulation.run(seed: seed).summary)
  }
}

@Test(arguments: SpoolSimulation.Mutation.allCases)
func theSimulationNoticesABrokenRule(mutation: SpoolSimulation.Mutation) {
  let noticed = (100...400 as ClosedRange<UInt64>).contains { seed in
    !SpoolSimulation.run(seed: seed, mutation: mutation).violations.isEmpty
  }
  #expect(noticed)
}
