/// Postfix's `smtp-source`: many messages over several sessions at once.
package enum SMTPSource {
  /// Sends messages to a port of loopback and waits until all were accepted.
  ///
  /// - Parameters:
  ///   - keepConnections: many messages over each connection.
  ///   - numbered: a number in front of each recipient address.
  package static func send(
    messages: Int, sessions: Int, size: Int, to recipient: String = "rcpt@sink.test",
    from sender: String = "sender@source.test", port: UInt16, keepConnections: Bool = true,
    numbered: Bool = false, recipients: Int = 1, within limit: Duration = .seconds(120)
  ) throws(PeerError) {
    var options = [
      "-s", "\(sessions)", "-m", "\(messages)", "-l", "\(size)", "-f", sender, "-t", recipient,
    ]
    if keepConnections { options.append("-d") }
    if numbered { options.append("-N") }
    if recipients > 1 { options += ["-r", "\(recipients)"] }
    try Program.run("smtp-source", options + ["127.0.0.1:\(port)"], within: limit)
  }
}
