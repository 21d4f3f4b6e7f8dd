import Foundation
import Glibc

extension RunningProcess {
  /// The descriptor of the channel to `master`.
  private static let masterChannel: Int32 = 3

  /// Stops a process, or lets it go on, without its being asked.
  package func signal(_ number: Int32) { Glibc.kill(pid, number) }

  /// Breaks the process's channels to others than `master`, while both ends live; returns how many
  /// there were. Needs root's rights.
  package func breakChannels() throws(PeerError) -> Int {
    typealias Open = @convention(c) (pid_t, UInt32) -> Int32
    typealias Take = @convention(c) (Int32, Int32, UInt32) -> Int32
    guard let open = dlsym(nil, "pidfd_open"), let take = dlsym(nil, "pidfd_getfd") else {
      throw .failed(program: "pidfd_getfd", output: "the C library has none")
    }
    let process = unsafeBitCast(open, to: Open.self)(pid, 0)
    guard process >= 0 else { throw .failed(program: "pidfd_open", output: "errno \(errno)") }
    defer { close(process) }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []
    var broken = 0
    for number in names.compactMap({ Int32($0) }) where number != Self.masterChannel {
      let copy = unsafeBitCast(take, to: Take.self)(process, number, 0)
      guard copy >= 0 else { continue }
      defer { close(copy) }
      var type: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      guard getsockopt(copy, SOL_SOCKET, SO_TYPE, &type, &size) == 0,
        type == Int32(SOCK_SEQPACKET.rawValue), shutdown(copy, Int32(SHUT_RDWR)) == 0
      else { continue }
      broken += 1
    }
    return broken
  }
}
