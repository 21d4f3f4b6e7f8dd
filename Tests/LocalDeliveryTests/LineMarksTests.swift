import Primitives
import TestSupport
import Testing

@testable import LocalDelivery

struct LineMarksTests {
  private func marked(
    _ text: String, _ style: CopyStyle, lineEnd: String = "\n", chunk: Int
  ) -> String {
    var marks = LineMarks(style: style, lineEnd: Array(lineEnd.utf8))
    var out: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      marks.append(rest.prefix(chunk), to: &out)
      rest = rest.dropFirst(chunk)
    }
    marks.finish(into: &out)
    return String(decoding: out, as: UTF8.self)
  }

  @Test(arguments: [1, 2, 3, 5, 1000])
  func linesAreMarkedWhateverTheChunks(chunk: Int) {
    let text = "From a\nFro\nFrom\n>From x\n xFrom \n.\n..b\n\nFrom \nF"
    #expect(
      marked(text, .quotesFrom, chunk: chunk)
        == ">From a\nFro\nFrom\n>From x\n xFrom \n.\n..b\n\n>From \nF")
    #expect(
      marked(text, .stuffsDots, chunk: chunk)
        == "From a\nFro\nFrom\n>From x\n xFrom \n..\n...b\n\nFrom \nF")
    #expect(
      marked(text, [.quotesFrom, .stuffsDots], lineEnd: "\r\n", chunk: chunk)
        == ">From a\r\nFro\r\nFrom\r\n>From x\r\n xFrom \r\n..\r\n...b\r\n\r\n>From \r\nF")
    #expect(marked(text, [], chunk: chunk) == text)
  }
}
