import LinuxSystem
import MailTypes
import Primitives
import Reactor
import ServiceKit
import Streams
import SystemPackage

/// The parent's side of a delivery with a user's rights: a process that lives for one message.
@ReactorActor
enum DeliverChild {
  /// Starts the process, hands it the order and waits for its verdict.
  ///
  /// - Parameters:
  ///   - content: the descriptor of a copy of the message.
  ///   - settings: the host's name and `mailbox_size_limit` for the process.
  ///   - timeLimit: `command_time_limit`; the process is killed when it takes longer.
  static func run(
    _ order: DeliverOrder, _ content: SharedDescriptor, host: String, sizeMax: Int64,
    timeLimit: Duration
  ) async -> LocalVerdict {
    do {
      var pair = try Sockets.packetPair()
      let other = pair.takeSecond()
      let channel = try PacketChannel(pair.takeFirst())
      // The file that runs here, also when another version has taken its place since.
      let child = try ChildProcess.spawn(
        ThisProcess.executableLink, name: "martinet", arguments: ["role", DeliverProcess.roleName],
        environment: ["SWIFT_BACKTRACE=enable=no"],
        descriptors: [(parent: other.raw, child: RoleProcess.channelDescriptor)])
      other.close()
      let exit = try watchEnd(of: child)
      let packet = order.encoded(host: host, sizeMax: sizeMax)
      let (verdict, isAnswer) = await talk(channel, packet, content, timeLimit)
      channel.close()
      // It sees that nobody waits, and ends what it has started before itself.
      if !isAnswer { await waitForEnd(exit) }
      if !isAnswer || verdict.endsSession { endGroup(of: child) }
      await end(child, exit)
      return verdict
    } catch {
      return .processFailed("\(error)")
    }
  }

  private static func watchEnd(of child: borrowing ChildProcess) throws(Errno) -> Watched {
    do throws(Errno) {
      return try Watched(try child.exitDescriptor.duplicate())
    } catch {
      child.endAtOnce()
      throw error
    }
  }

  /// How long a process that nobody waits for may take to end its command.
  private static let farewellTime: Duration = .seconds(2)

  private static func waitForEnd(_ exit: Watched) async {
    try? await exit.readable(deadline: Reactor.shared.now + farewellTime)
  }

  /// Ends what the process has started and did not end itself, such as when its user killed it: the
  /// mail is given to another command, and this one must not go on beside it.
  private static func endGroup(of child: borrowing ChildProcess) {
    // Without rights to any of them there is nothing more to do here.
    do throws(Errno) { try child.killGroup() } catch {}
  }

  /// Ends the process, which has said all that it has to say, and which its user may have stopped.
  private static func end(_ child: borrowing ChildProcess, _ exit: Watched) async {
    do {
      _ = try child.signal(9)
      while try child.reap() == nil {
        try await exit.readable(deadline: nil)
        exit.readDrained()
      }
    } catch {
      // Nothing is left to reap: the verdict counts all the same.
    }
    // The description is shared with `child`: it has to be taken out of the loop by name.
    _ = exit.release()
  }

  private static func talk(
    _ channel: PacketChannel, _ packet: [UInt8], _ content: SharedDescriptor,
    _ timeLimit: Duration
  ) async -> (LocalVerdict, isAnswer: Bool) {
    guard packet.count <= MessageChannel.messageLengthMax else {
      return (
        .failed(EnhancedStatus(5, 3, 0), "the command for this delivery would be too long"), false
      )
    }
    do throws(StreamError) {
      try channel.send(packet, descriptors: [content.raw])
      let answer = try await channel.receive(deadline: Reactor.shared.now + timeLimit) {
        (bytes, _, _) in try? LocalVerdict(decoding: bytes)
      }
      guard let answer, let answer else {
        return (.processFailed("it ended without an answer"), false)
      }
      return (answer, true)
    } catch .timedOut {
      return (.processFailed("no answer within \(timeLimit)"), false)
    } catch {
      return (.processFailed("\(error)"), false)
    }
  }
}

extension LocalVerdict {
  static func processFailed(_ reason: String) -> LocalVerdict {
    LocalVerdict(
      outcome: .deferred, status: EnhancedStatus(4, 3, 0),
      text: "local delivery process failed: \(reason)")
  }
}
