import SMTPServerCore
import ServiceKit

/// Showing the dialogue to others.
extension SMTPSession {
  /// Begins to show the dialogue to somebody; `hasJoined` when it has begun before.
  func follow(_ follower: DialogFollower, hasJoined: Bool) {
    beginTrace(isLogged: false, hasJoined: hasJoined)
    trace?.add(follower)
  }

  /// Shows it to one less.
  func unfollow(_ follower: DialogFollower) {
    guard let trace, !trace.remove(follower) else { return }
    self.trace = nil
  }

  func beginTrace(isLogged: Bool, hasJoined: Bool) {
    guard trace == nil || isLogged else { return }
    let others = trace?.followers ?? []
    // What waits to be sent was made before anybody looked on.
    if trace == nil {
      if rules.softBounce { finishReplies() }
      shownBytes = out.count
    }
    let trace = DialogTrace(
      isLogged: isLogged, hasJoined: hasJoined, log: intake.log, tag: rules.tag,
      client: clientText, port: client.port)
    for follower in others { trace.add(follower) }
    self.trace = trace
  }

  /// What is done to replies once, before they are sent. Never inlined, as what writes log lines.
  @inline(never)
  func finishReplies() {
    guard shownBytes < out.count else { return }
    if rules.softBounce { SoftReplies.soften(&out, from: shownBytes) }
    trace?.sent(out[shownBytes...])
    recordReplies()
    shownBytes = out.count
  }
}
