import LinuxSystem
import Reactor
import ServiceKit
import SystemPackage

/// Commands that follow sessions: every `smtpd` shows its own, those included that are started
/// later, by a reload or after a death.
extension Supervisor {
  /// Somebody who follows sessions.
  struct Trace {
    let filter: TraceFilter
    /// Where the lines go.
    let socket: SharedDescriptor
  }

  /// Those who are passed on to processes to come; one too many follows those that serve.
  private static let tracesMax = 64

  /// Has sessions shown until nobody reads any more.
  func follow(_ filter: TraceFilter, _ socket: SharedDescriptor) {
    let trace = Trace(filter: filter, socket: socket)
    for peer in children.values where peer.name.role == .smtpd { passOn(trace, to: peer) }
    guard traces.count < Self.tracesMax else { return }
    do throws(Errno) {
      let watched = try Watched(try socket.duplicate())
      traces.append(trace)
      reactorTask {
        // Nothing is ever sent this way: what makes it readable is the end.
        try? await watched.readable(deadline: nil)
        // The description is shared with other processes: it is taken out of the loop by name.
        _ = watched.release()
        self.traces.removeAll { $0.socket === socket }
      }
    } catch {
      log.warning("master", "a command cannot follow the processes to come: \(error)")
    }
  }

  /// Has a process that was just started show its sessions to all who follow.
  func passOnTraces(to child: RoleChild) {
    for trace in traces { passOn(trace, to: child) }
  }

  private func passOn(_ trace: Trace, to child: RoleChild) {
    child.channel.post(.trace(trace.filter), descriptors: [trace.socket.raw])
    child.channel.flush()
  }
}
