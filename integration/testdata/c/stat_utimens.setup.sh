printf x > lower; mkdir dir; ln -s lower sym; ln -s nowhere dangling; touch -d @1234567890.5 lower dir
