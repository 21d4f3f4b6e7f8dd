import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Commands that get mail: `mailbox_command`, and services that run pipe(8).
  struct CommandDeliveryTests {
    /// What a command sees of itself: ids, groups, descriptors, environment, working directory.
    private static let confession = """
      { id -u; id -G; } > "ids"
      ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> .*/\\1/p' > "descriptors"
      echo "$start" > "start"
      env > "environment"
      cat > "message"
      """

    private static func send(to addresses: [String], _ server: MartinetInstance) throws {
      let dialog = try SMTPDialog(greetedAt: server.port)
      for address in addresses {
        let reply = try dialog.deliver(
          from: "s@source.test", to: [address],
          content: Array("Subject: x\r\n\r\nFrom me\r\n.dot\r\n".utf8))
        #expect(reply.code == 250)
      }
      try server.log.wait(
        forCount: addresses.count, of: " status=", until: .after(.seconds(30)))
    }

    private static func account() throws -> (uid: String, gid: String) {
      let account = try #require(getpwnam(spareAccount)?.pointee)
      return ("\(account.pw_uid)", "\(account.pw_gid)")
    }

    @Test(
      .enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)),
      arguments: [true, false])
    func aCommandOfMailboxesHasTheUsersRightsAndNothingElse(asRoot: Bool) throws {
      let folder = try OpenFolder()
      let script = try folder.script("deliver", Self.confession)
      let server = try MartinetInstance(
        settings: [
          "mydestination": "here.test", "recipient_delimiter": "+",
          "mailbox_command": "\(script) \"$EXTENSION\"",
        ], user: asRoot ? nil : spareAccount)
      try server.start()
      let address = "\(spareAccount)+list@here.test"
      try Self.send(to: [address], server)
      #expect(
        server.log.fates(by: "local") == [
          "to=<\(address)>, relay=local, dsn=2.0.0, status=sent "
            + "(delivered to command: \(script) \"$EXTENSION\")"
        ])
      let account = try Self.account()
      #expect(try folder.lines(of: "ids") == [account.uid, account.gid, ""])
      // The fourth is the folder that `ls` lists.
      #expect(try folder.lines(of: "descriptors") == ["0", "1", "2", "3", ""])
      #expect(try folder.lines(of: "start") == [server.spool, ""])
      let environment = Set(try folder.lines(of: "environment"))
      #expect(
        environment.isSuperset(of: [
          "LOCAL=\(spareAccount)+list", "EXTENSION=list", "DOMAIN=here.test",
          "RECIPIENT=\(address)", "ORIGINAL_RECIPIENT=\(address)", "SENDER=s@source.test",
          "USER=\(spareAccount)", "LOGNAME=\(spareAccount)", "CLIENT_ADDRESS=127.0.0.1",
          "CLIENT_HELO=client.test", "CLIENT_PROTOCOL=ESMTP", "MAIL_CONFIG=\(server.configuration)",
          "LANG=C", "PATH=/usr/bin:/bin",
        ]))
      #expect(
        Set(environment.map { $0.prefix { $0 != "=" } }).subtracting([
          "HOME", "LOCAL", "EXTENSION", "DOMAIN", "RECIPIENT", "ORIGINAL_RECIPIENT", "SENDER",
          "USER", "LOGNAME", "SHELL", "CLIENT_ADDRESS", "CLIENT_HELO", "CLIENT_HOSTNAME",
          "CLIENT_PROTOCOL", "MAIL_CONFIG", "LANG", "PATH", "PWD", "OLDPWD", "",
        ]).isEmpty)
      let message = try folder.lines(of: "message")
      #expect(message[0].hasPrefix("From s@source.test  "))
      #expect(message[1] == "Return-Path: <s@source.test>")
      #expect(message.suffix(4) == ["", "From me", ".dot", ""])
      try server.stop()
    }

    @Test(.enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)))
    func whatACommandSaysAtItsEndDecides() throws {
      let folder = try OpenFolder()
      let script = try folder.script(
        "deliver",
        """
        case "$EXTENSION" in
        later) echo busy; exit 75;;
        gone) exit 67;;
        own) echo 4.2.1 closed for today; exit 77;;
        much) yes | head -c 3000000; exit 1;;
        killed) kill -9 $$;;
        esac
        """)
      let server = try MartinetInstance(
        settings: [
          "mydestination": "here.test", "recipient_delimiter": "+", "mailbox_command": script,
          // Reports would be lines more.
          "transport_maps": "inline:{ { source.test=discard: } }",
        ])
      try server.start()
      let extensions = ["later", "gone", "own", "killed", "much", "fine"]
      try Self.send(to: extensions.map { "\(spareAccount)+\($0)@here.test" }, server)
      try server.log.wait(forCount: 6, of: "/local[", until: .after(.seconds(20)))
      let fates = server.log.fates(by: "local")
      func fate(_ name: String) -> String {
        fates.first { $0.contains("+\(name)@") }?.split(separator: "relay=local, ").last
          .map(String.init) ?? ""
      }
      #expect(
        fate("later")
          == "dsn=4.3.0, status=deferred (temporary failure. Command output: busy )")
      #expect(fate("gone") == "dsn=5.1.1, status=bounced (user unknown)")
      #expect(fate("own") == "dsn=4.2.1, status=deferred (closed for today )")
      #expect(
        fate("killed")
          == "dsn=4.3.0, status=deferred (Command died with signal 9: \"\(script)\")")
      #expect(
        fate("much").hasPrefix(
          "dsn=5.3.0, status=bounced (Command died with status 1: \"\(script)\". "
            + "Command output: y y y "))
      #expect(fate("much").utf8.count < 1500)
      #expect(fate("fine") == "dsn=2.0.0, status=sent (delivered to command: \(script))")
      try server.stop()
    }

    @Test(.enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)))
    func aCommandOverItsTimeIsKilledWithAllThatItStarted() throws {
      let folder = try OpenFolder()
      let script = try folder.script("deliver", "sleep 1000 & echo $! > pid; exec sleep 1000")
      let server = try MartinetInstance(
        settings: [
          "mydestination": "here.test", "mailbox_command": script, "command_time_limit": "1s",
          "transport_maps": "inline:{ { source.test=discard: } }",
        ])
      try server.start()
      try Self.send(to: ["\(spareAccount)@here.test"], server)
      #expect(
        server.log.fates(by: "local") == [
          "to=<\(spareAccount)@here.test>, relay=local, dsn=5.3.0, status=bounced "
            + "(Command time limit exceeded: \"\(script)\")"
        ])
      let pid = try #require(pid_t(try folder.lines(of: "pid")[0]))
      #expect(
        RunningProcess.wait(until: .after(.seconds(10))) { RunningProcess(pid: pid) == nil })
      try server.stop()
    }

    /// Mail whose command goes on is given to another one by the next life: both would deliver it.
    @Test(
      .enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)),
      arguments: [true, false])
    func aCommandDoesNotOutliveTheMailSystem(isKilled: Bool) throws {
      let folder = try OpenFolder()
      let script = try folder.script(
        "deliver", "echo $$ > pid.new; mv pid.new pid; exec sleep 1000")
      let server = try MartinetInstance(
        settings: ["mydestination": "here.test", "mailbox_command": script, "drain_time": "2s"])
      try server.start()
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.deliver(
        from: "a@source.test", to: ["\(spareAccount)@here.test"],
        content: Array("Subject: x\r\n\r\nx\r\n".utf8))
      var pid: pid_t?
      #expect(
        RunningProcess.wait(until: .after(.seconds(20))) {
          pid = (try? folder.lines(of: "pid")).flatMap { pid_t($0[0]) }
          return pid != nil
        })
      let command = try #require(pid)
      if isKilled {
        for process in server.processes where process.arguments.suffix(2) == ["role", "local"] {
          process.kill()
        }
      } else {
        try server.stop()
      }
      #expect(
        RunningProcess.wait(until: .after(.seconds(10))) { RunningProcess(pid: command) == nil })
      if isKilled { try server.stop() }
    }

    /// A user may end the processes that have his rights, and the machine does when memory is
    /// short: the next attempt must not find the command of the first still at work.
    @Test(
      .enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)),
      arguments: [
        "exec sleep 1000", "sleep 1000 & echo $! > other; wait", "exec setsid sleep 1000",
      ])
    func aCommandDoesNotOutliveItsProcess(command: String) throws {
      let folder = try OpenFolder()
      let script = try folder.script(
        "deliver", "echo $$ > pid.new; mv pid.new pid; \(command)")
      let server = try MartinetInstance(
        settings: ["mydestination": "here.test", "mailbox_command": script])
      try server.start()
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.deliver(
        from: "a@source.test", to: ["\(spareAccount)@here.test"],
        content: Array("Subject: x\r\n\r\nx\r\n".utf8))
      let names = command.contains("other") ? ["pid", "other"] : ["pid"]
      var pids: [pid_t] = []
      #expect(
        RunningProcess.wait(until: .after(.seconds(20))) {
          pids = names.compactMap { name in
            (try? folder.lines(of: name)).flatMap { pid_t($0[0]) }
          }
          return pids.count == names.count
        })
      let commands = pids.compactMap { RunningProcess(pid: $0) }
      try #require(commands.count == names.count)
      let deliver = try #require(
        server.processes.first { $0.arguments.suffix(2) == ["role", "deliver"] })
      deliver.kill()
      try server.log.wait(for: "status=deferred", until: .after(.seconds(20)))
      #expect(RunningProcess.waitForEnd(of: commands, until: .after(.seconds(10))))
      #expect(
        server.log.fates(by: "local") == [
          "to=<\(spareAccount)@here.test>, relay=local, dsn=4.3.0, status=deferred "
            + "(local delivery process failed: it ended without an answer)"
        ])
      try server.stop()
    }

    /// Many recipients of a large message do not take its size as many times.
    @Test(.enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)))
    func oneCopyOfAMessageIsInMemoryForAllItsCommands() throws {
      let folder = try OpenFolder()
      let script = try folder.script("deliver", "wc -c > \"size.$EXTENSION\"; exec sleep 1000")
      let server = try MartinetInstance(
        settings: [
          "mydestination": "here.test", "mailbox_command": "\(script) \"$EXTENSION\"",
          "recipient_delimiter": "+", "local_destination_concurrency_limit": "20",
          "initial_destination_concurrency": "20", "drain_time": "1s",
        ])
      try server.start()
      let dialog = try SMTPDialog(greetedAt: server.port)
      let line = Array(String(repeating: "x", count: 62).utf8) + [13, 10]
      try dialog.deliver(
        from: "a@source.test", to: (0..<8).map { "\(spareAccount)+\($0)@here.test" },
        content: Array("Subject: x\r\n\r\n".utf8) + (0..<32_000).flatMap { _ in line })
      #expect(
        RunningProcess.wait(until: .after(.seconds(40))) {
          let sizes = (0..<8).compactMap { try? folder.lines(of: "size.\($0)").first }
          return sizes.count { (Int($0) ?? 0) > 32_000 * 63 } == 8
        })
      let agents = server.processes.filter {
        ["local", "deliver"].contains($0.arguments.last)
      }
      #expect(agents.count == 9)
      #expect(agents.flatMap(\.memoryFiles).count == 9)
      #expect(Set(agents.flatMap(\.memoryFiles)).count == 1)
      try server.stop()
    }

    @Test(
      .enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)),
      arguments: [true, false])
    func aPipeServiceRunsItsProgramOnceForAllRecipients(asRoot: Bool) throws {
      let folder = try OpenFolder()
      let script = try folder.script(
        "deliver", Self.confession + "\nprintf '%s\\n' \"$@\" > arguments; echo all fine")
      let server = try MartinetInstance(
        settings: [
          "mydestination": "", "recipient_delimiter": "+",
          "transport_maps":
            "inline:{ { pipe.test=mine:Hop }, { root.test=super }, { owner.test=owner } }",
          "mine_destination_recipient_limit": "10", "smtpd_reject_unlisted_recipient": "no",
          "relay_domains": "pipe.test, root.test, owner.test",
        ],
        services: [
          "mine unix - n n - - pipe\n  flags=Rhu user=\(spareAccount) eol=\\r\\n null_sender= directory=/usr "
            + "argv=\(script) -f ${sender} $nexthop ${queue_id} ${size} a${user}b${extension} "
            + "-- ${recipient}",
          "super unix - n n - - pipe\n  user=root argv=\(script)",
          "owner unix - n n - - pipe\n  user=\(MartinetInstance.owner) argv=\(script)",
        ], user: asRoot ? nil : spareAccount)
      try server.start()
      let dialog = try SMTPDialog(greetedAt: server.port)
      let reply = try dialog.deliver(
        from: "s@source.test", to: ["One+X@PIPE.test", "two@pipe.test"],
        content: Array("Subject: x\r\n\r\nFrom me\r\n.dot\r\n".utf8))
      let id = try #require(reply.lines.first?.split(separator: " ").last)
      try server.log.wait(forCount: 2, of: " status=", until: .after(.seconds(20)))
      #expect(
        server.log.fates(by: "pipe").sorted()
          == ["One+X@PIPE.test", "two@pipe.test"].map {
            "to=<\($0)>, relay=mine, dsn=2.0.0, status=sent "
              + "(delivered via mine service (all fine))"
          })
      let message = try folder.lines(of: "message")
      #expect(message[0] == "Return-Path: <s@source.test>\r")
      #expect(message.suffix(4) == ["\r", "From me\r", ".dot\r", ""])
      let arguments = try folder.lines(of: "arguments")
      #expect(arguments.prefix(4) == ["-f", "s@source.test", "hop", "\(id)"])
      #expect((Int(arguments[4]) ?? 0) > 100)
      #expect(
        arguments.dropFirst(5)
          == ["aonebx", "atwob", "--", "one+x@pipe.test", "two@pipe.test", ""])
      let account = try Self.account()
      #expect(try folder.lines(of: "ids") == [account.uid, account.gid, ""])
      #expect(try folder.lines(of: "descriptors") == ["0", "1", "2", "3", ""])
      #expect(try folder.lines(of: "start") == ["/usr", ""])
      #expect(!(try folder.lines(of: "environment")).contains { $0.hasPrefix("SENDER=") })
      try Self.send(to: ["x@root.test", "x@owner.test"], server)
      try server.log.wait(forCount: 4, of: " status=", until: .after(.seconds(20)))
      for (name, domain) in [("super", "root.test"), ("owner", "owner.test")] {
        #expect(
          server.log.fates(by: "pipe").contains(
            "to=<x@\(domain)>, relay=\(name), dsn=4.3.5, status=deferred "
              + "(mail system configuration error)"))
        #expect(server.log.count(of: "warning: \(name): user=: no command runs as ") == 1)
      }
      try server.stop()
    }

    @Test(
      .enabled(
        if: Subject.isMartinet && getuid() == 0
          && Program.find("/usr/lib/dovecot/dovecot-lda") != nil), .timeLimit(.minutes(1)))
    func theDeliveryAgentOfDovecotFilesMail() throws {
      let folder = try OpenFolder()
      let configuration = try folder.file(
        "dovecot.conf",
        """
        log_path = /dev/stderr
        base_dir = \(folder.path)
        state_dir = \(folder.path)
        mail_location = maildir:\(folder.path)/Maildir
        first_valid_uid = 1
        ssl = no

        """)
      let server = try MartinetInstance(
        settings: [
          "mydestination": "here.test", "mailbox_transport": "dovecot", "recipient_delimiter": "+",
        ],
        services: [
          "dovecot unix - n n - - pipe\n  flags=DRhu user=\(spareAccount) argv=/usr/bin/env "
            + "HOME=\(folder.path) USER=${user} /usr/lib/dovecot/dovecot-lda "
            + "-c \(configuration) -f ${sender} -a ${original_recipient}"
        ])
      try server.start()
      let address = "\(spareAccount)+x@here.test"
      try Self.send(to: [address], server)
      #expect(
        server.log.fates(by: "pipe").map { $0.prefix { $0 != "(" } } == [
          "to=<\(address)>, relay=dovecot, dsn=2.0.0, status=sent "
        ])
      let name = try #require(try folder.names(in: "Maildir/new").first)
      let message = try folder.lines(of: "Maildir/new/\(name)")
      #expect(message.prefix(2) == ["Return-Path: <s@source.test>", "Delivered-To: \(address)"])
      try server.stop()
    }
  }
}
