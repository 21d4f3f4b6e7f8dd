import Glibc
import MessageHeaders
import Primitives
import Reactor

/// The offset of local time from UTC, looked up once a minute: zones change on whole minutes.
@ReactorActor
final class LocalClock {
  private var minute = Int64.min
  private var known = LocalOffset.utc

  /// The offset at a time.
  func offset(at time: WallTime) -> LocalOffset {
    let now = time.seconds / 60
    if now != minute {
      minute = now
      known = Self.lookUp(time)
    }
    return known
  }

  private static func lookUp(_ time: WallTime) -> LocalOffset {
    var seconds = time_t(time.seconds)
    var parts = tm()
    guard localtime_r(&seconds, &parts) != nil, let zone = parts.tm_zone else { return .utc }
    return LocalOffset(seconds: parts.tm_gmtoff, name: String(cString: zone))
  }
}
