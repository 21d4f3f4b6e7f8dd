import RealPeers
import Testing

extension EndToEnd {
  /// Only CRLF.CRLF ends a message, whoever sends it, and what goes out cannot be read otherwise.
  struct SmugglingTests {
    private static let ends = [
      "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r\n", "\r\n.\r", "\n.\r", "\r.\r", "\r.\n", "\n\n.\n\n",
      "\r\r\n.\r\r\n", "\r\n\r.\r\n", "\r\n.\r\r\n", "\r\n.\0\r\n", "\r\n\0.\r\n", "\r\n. \r\n",
      "\r\n..\r\n", "\n..\n", "\r\n.\n.\r", "\n.\n.\n",
    ]

    @Test(.timeLimit(.minutes(2)), arguments: [false, true])
    func nothingButTheOneSequenceEndsAMessage(byteByByte: Bool) throws {
      let sink = try ScriptedSink()
      let server = try Subject.relay(to: sink.port)
      for end in Self.ends {
        try smuggle(end, at: server.port, byteByByte: byteByByte)
      }
      try sink.wait(forCount: Self.ends.count, until: .after(.seconds(30)))
      try server.log.wait(
        forCount: Self.ends.count, of: ": removed", until: .after(.seconds(20)))
      #expect(sink.received.count == Self.ends.count)
      for message in sink.received {
        #expect(message.sender == "outer@source.test")
        #expect(message.recipients == ["outer@sink.test"])
        #expect(!message.hasBareLineEnd)
        let text = String(decoding: message.content, as: UTF8.self)
        #expect(text.contains("before"))
        #expect(text.contains("MAIL FROM:<inner@source.test>"))
        #expect(text.contains("\ninside\n"))
      }
      try server.stop()
    }

    private func smuggle(_ end: String, at port: UInt16, byteByByte: Bool) throws {
      let dialog = try SMTPDialog(greetedAt: port)
      try dialog.say("MAIL FROM:<outer@source.test>", expecting: 250)
      try dialog.say("RCPT TO:<outer@sink.test>", expecting: 250)
      try dialog.say("DATA", expecting: 354)
      let inner = "MAIL FROM:<inner@source.test>\r\nRCPT TO:<inner@sink.test>\r\nDATA\r\n"
      let content = "Subject: outer\r\n\r\nbefore" + end + inner + "\r\ninside\r\n.\r\n"
      if byteByByte {
        for byte in content.utf8 { try dialog.send(raw: [byte]) }
      } else {
        try dialog.send(raw: Array(content.utf8))
      }
      try dialog.expect(250, to: "content with \(end.debugDescription)")
      try dialog.say("QUIT", expecting: 221)
    }

    @Test(.timeLimit(.minutes(1)))
    func chunksCannotEndTheMessageOfTheNextHop() throws {
      let sink = try ScriptedSink()
      let server = try Subject.relay(to: sink.port)
      let inner = "MAIL FROM:<inner@source.test>\r\n"
      for end in Self.ends + ["\r\n.\r\n"] {
        let dialog = try SMTPDialog(greetedAt: server.port)
        try dialog.say("MAIL FROM:<outer@source.test>", expecting: 250)
        try dialog.say("RCPT TO:<outer@sink.test>", expecting: 250)
        let content = Array("Subject: outer\r\n\r\nbefore\(end)\(inner)\r\ninside".utf8)
        // Cut within the line ends, too.
        for cut in [content[..<24], content[24..<25]] {
          try dialog.send(raw: Array("BDAT \(cut.count)\r\n".utf8) + cut)
          try dialog.expect(250, to: "a chunk of \(end.debugDescription)")
        }
        try dialog.send(raw: Array("BDAT \(content.count - 25) LAST\r\n".utf8) + content[25...])
        try dialog.expect(250, to: "the chunks with \(end.debugDescription)")
        try dialog.say("QUIT", expecting: 221)
      }
      try sink.wait(forCount: Self.ends.count + 1, until: .after(.seconds(30)))
      for message in sink.received {
        #expect(message.recipients == ["outer@sink.test"])
        #expect(!message.hasBareLineEnd)
        let text = String(decoding: message.content, as: UTF8.self)
        #expect(text.contains("before") && text.hasSuffix("\ninside\n"))
        #expect(text.contains("MAIL FROM:<inner@source.test>"))
      }
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func linesThatBeginWithDotsComeOutAsTheyWere() throws {
      let sink = try ScriptedSink()
      let server = try Subject.relay(to: sink.port)
      let dialog = try SMTPDialog(greetedAt: server.port)
      let body = ".one\r\n..two\r\n.\r\n..\r\nx.\r\n\r\n.\r\n"
      try dialog.deliver(
        from: "a@source.test", to: ["b@sink.test"], content: Array("Subject: x\r\n\r\n\(body)".utf8)
      )
      try sink.wait(forCount: 1, until: .after(.seconds(20)))
      let wanted = "\n\n" + body.replacing("\r\n", with: "\n")
      #expect(String(decoding: sink.received[0].content, as: UTF8.self).hasSuffix(wanted))
      try server.stop()
    }
  }
}
