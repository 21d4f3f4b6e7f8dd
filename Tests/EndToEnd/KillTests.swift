import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Processes are killed under load: nothing acknowledged may be lost.
  @Suite(.enabled(if: Subject.isMartinet))
  struct KillTests {
    /// How long the killing goes on; `MARTINET_KILL_SECONDS` of the environment.
    private static let seconds =
      ProcessInfo.processInfo.environment["MARTINET_KILL_SECONDS"].flatMap { Int($0) } ?? 15

    @Test(.timeLimit(.minutes(10)))
    func nothingAcknowledgedIsLostWhenProcessesDie() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(
        relayPort: sink.port, settings: Subject.quickRetries, logsToFile: true)
      try server.start()
      var load = MailLoad(port: server.port)
      load.sessions = 20
      load.retries = true
      // No more than the sink takes beside everything else.
      load.rest = .milliseconds(20)
      load.lastCall = .after(.seconds(Self.seconds))
      let run = load.start(0..<10_000_000, within: .seconds(Self.seconds + 60))
      let kills = try killOneEachSecond(of: server, while: run)
      let result = try #require(run.result(until: run.deadline))
      let acknowledged = result.acknowledged.keys
      #expect(acknowledged.count > 100)

      var arrivals = Arrivals(of: load)
      var count = arrivals.add(sink)
      while !arrivals.missing(acknowledged).isEmpty {
        // Retries come within seconds: when nothing has come for so long, nothing will.
        do { try sink.wait(forCount: count + 1, until: .after(.seconds(30))) } catch { break }
        count = arrivals.add(sink, from: count)
      }
      let missing = arrivals.missing(acknowledged)
      let fate = missing.isEmpty ? "" : try Self.fate(of: missing, result, server)
      #expect(missing.isEmpty, "\(fate)")
      #expect(arrivals.broken.isEmpty)
      let repeated = arrivals.repeated.keys.filter { !result.uncertain.contains($0) }
      let repliedTwice = try Self.sentTwice(
        repeated.compactMap { result.acknowledged[$0] }, server)
      print(
        "killed \(kills): \(acknowledged.count) acknowledged, \(missing.count) lost,",
        "\(repeated.count) delivered twice, \(repliedTwice.count) of them after a final reply,",
        "\(result.uncertain.count) of unknown fate to their sender")
      // The promise: only deliveries without a final reply are repeated.
      let stories = repliedTwice.prefix(6)
        .map { "\($0.id)\n" + $0.story.joined(separator: "\n") }
      #expect(repliedTwice.isEmpty, "\(stories.joined(separator: "\n"))")
      // Only deliveries in flight at a kill may be repeated: at most the concurrency of the sink's
      // destination for each.
      #expect(repeated.count <= kills.values.reduce(0, +) * 20)
      try server.stop()
    }

    /// A message that agents have called sent more than once.
    private struct Repeat {
      let id: String
      /// The log of the message, and of deaths and starts around it.
      let story: [String]
    }

    /// Those of some messages that the log calls sent more than once.
    private static func sentTwice(_ ids: [String], _ server: MartinetInstance) throws -> [Repeat] {
      let log = try String(contentsOfFile: server.logFile ?? "", encoding: .utf8)
        .split(separator: "\n").map(String.init)
      let wanted = Set(ids)
      var places: [String: [Int]] = [:]
      var ends: [Int] = []
      for (place, line) in log.enumerated() {
        let words = line.split(separator: " ").dropFirst(4).prefix(2).map(String.init)
        guard words.count == 2 else { continue }
        let id = String(words[1].dropLast())
        if wanted.contains(id) { places[id, default: []].append(place) }
        if line.contains("killed by signal") || line.contains("daemon started") {
          ends.append(place)
        }
      }
      return places.compactMap { id, own in
        let sent = own.filter { log[$0].contains("status=sent") }
        guard sent.count > 1 else { return nil }
        let around = ends.filter { $0 > own[0] && $0 < sent[1] }
        return Repeat(id: id, story: (own + around).sorted().map { log[$0] })
      }
    }

    /// What the queue and the log know of messages.
    private static func fate(
      of missing: [Int], _ result: MailLoadResult, _ server: MartinetInstance
    ) throws -> String {
      let wanted = Set(missing.compactMap { result.acknowledged[$0] })
      let listed = try server.queueCommand("postqueue", "-j").map(\.description)
      let log = try String(contentsOfFile: server.logFile ?? "", encoding: .utf8)
      let samples = wanted.sorted().prefix(3)
      let lines = log.split(separator: "\n").filter { line in
        samples.contains { line.contains($0) } || line.contains("warning") || line.contains("error")
      }
      return "\(wanted.count) are missing, \(listed.count) in the queue: \(listed.prefix(3))\n"
        + lines.prefix(200).joined(separator: "\n")
    }

    /// Kills one process a second, each role in turn at random, and starts again what `master`'s
    /// own death ended. Returns the kills by role.
    private func killOneEachSecond(
      of server: MartinetInstance, while run: MailLoad.Run
    ) throws -> [String: Int] {
      var kills: [String: Int] = [:]
      var generator = SplitMix64(seed: 7)
      var order: [String] = []
      while run.result(until: .after(.seconds(1))) == nil {
        if order.isEmpty {
          order = ["qmgr", "smtpd", "smtp", "qmgr", "master"].shuffled(using: &generator)
        }
        let role = order.removeLast()
        if role == "master" {
          let family = server.processes
          try server.killMaster()
          #expect(
            RunningProcess.waitForEnd(of: family, until: .after(.seconds(45))),
            "processes outlive master")
          try server.start()
        } else if let victim = server.processes(role: role).randomElement(using: &generator) {
          victim.kill()
        } else {
          continue
        }
        kills[role, default: 0] += 1
      }
      return kills
    }

    @Test(.timeLimit(.minutes(3)))
    func movedMailSurvivesKillsOfTheQueueManager() throws {
      let live = try ScriptedSink()
      let dead = try Loopback.freePort()
      var settings = Subject.quickRetries
      settings["transport_maps"] = "inline:{ { late.test=smtp:[127.0.0.1]:\(dead) } }"
      settings["spool_segment_size"] = "1048576"
      settings["spool_relocation_size_min"] = "0"
      settings["spool_relocation_factor"] = "2"
      settings["spool_relocation_delay"] = "20ms"
      let server = try MartinetInstance(relayPort: live.port, settings: settings)
      try server.start()
      var load = MailLoad(port: server.port)
      load.size = { _ in 10_000 }
      load.recipients = { ["rcpt\($0)@\($0 % 8 == 0 ? "late" : "sink").test"] }
      load.rest = .milliseconds(40)
      load.retries = true
      let run = load.start(0..<4000, within: .seconds(120))
      var kills = 0
      while kills < 12 {
        // It moves all the time; a few messages later it may be in the middle of that.
        let moves = server.log.count(of: "were moved out of")
        do {
          try server.log.wait(
            forCount: moves + 1, of: "were moved out of", until: .after(.seconds(10)))
          try run.wait(
            forAcknowledged: run.resultSoFar.acknowledged.count + 1 + kills * 7 % 30,
            until: .after(.seconds(10)))
        } catch { break }
        for process in server.processes(role: "qmgr") { process.kill() }
        kills += 1
      }
      let result = try #require(run.result(until: run.deadline))
      #expect(result.acknowledged.count == 4000)
      print("killed qmgr \(kills) times, \(server.log.count(of: "were moved out of")) moves")
      #expect(kills > 3)
      let late = try ScriptedSink(port: dead)
      try late.wait(forCount: 500, until: .after(.seconds(60)))
      var arrivals = Arrivals(of: load)
      var count = arrivals.add(live)
      while arrivals.missing(0..<4000).contains(where: { $0 % 8 != 0 }) {
        try live.wait(forCount: count + 1, until: .after(.seconds(30)))
        count = arrivals.add(live, from: count)
      }
      try server.stop()
      var lateArrivals = Arrivals(of: load)
      lateArrivals.add(late)
      // None of these was in flight at a kill.
      #expect(lateArrivals.missing(stride(from: 0, to: 4000, by: 8)).isEmpty)
      #expect(lateArrivals.repeated.keys.allSatisfy { result.uncertain.contains($0) })
      #expect(lateArrivals.broken.isEmpty)
    }

    @Test(.timeLimit(.minutes(2)))
    func aKilledProcessIsReplacedAndTheRestGoesOn() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(relayPort: sink.port, settings: Subject.quickRetries)
      try server.start()
      for (index, role) in ["smtp", "qmgr", "smtpd"].enumerated() {
        let old = server.processes(role: role)
        try #require(!old.isEmpty)
        for process in old { process.kill() }
        #expect(RunningProcess.waitForEnd(of: old, until: .after(.seconds(10))))
        var load = MailLoad(port: server.port)
        load.retries = true
        let numbers = index * 10..<index * 10 + 10
        let result = try load.run(numbers, within: .seconds(30))
        #expect(result.acknowledged.count == 10)
        try sink.wait(forCount: numbers.upperBound, until: .after(.seconds(30)))
        #expect(Set(server.processes(role: role)).isDisjoint(with: old))
      }
      try server.stop()
    }
  }
}
