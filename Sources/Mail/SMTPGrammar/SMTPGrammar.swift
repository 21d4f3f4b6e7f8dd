// SMTPGrammar
