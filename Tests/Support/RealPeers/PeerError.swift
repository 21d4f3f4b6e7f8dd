/// Why a real peer did not do what a test asked.
package enum PeerError: Error, CustomStringConvertible {
  /// A system call failed: its name and the text of the error.
  case system(call: String, error: String)
  /// Nothing came in time; what was waited for.
  case timedOut(String)
  /// The peer closed the connection; what was waited for.
  case closed(String)
  /// An answer that was not wanted; what was sent and what came.
  case unexpected(sent: String, got: String)
  /// A program ended with a failure: its name and what it wrote.
  case failed(program: String, output: String)

  /// The error in a line.
  package var description: String {
    switch self {
    case .system(let call, let error): "\(call): \(error)"
    case .timedOut(let wanted): "timed out waiting for \(wanted)"
    case .closed(let wanted): "connection closed while waiting for \(wanted)"
    case .unexpected(let sent, let got): "\(sent): unexpected \(got)"
    case .failed(let program, let output): "\(program) failed: \(output)"
    }
  }
}
