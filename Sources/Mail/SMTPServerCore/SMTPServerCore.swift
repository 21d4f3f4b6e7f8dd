// SMTPServerCore
